"""Models on the Hugging Face hub: `hf:owner/name` wherever a model folder is named, and the way of a folder up there.

Only the files that a model's own description lists are fetched; each is checked before the model is used, and none of
them can execute code. What was fetched stays in the cache of `huggingface_hub`.
"""

import contextlib
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from attnclf import __version__
from attnclf.atomic import atomic_folder
from attnclf.bundle import MANIFEST, open_bundle, parse_manifest
from attnclf.errors import BundleError, HubError

PREFIX = "hf:"
ADDRESS = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>.+))?")
KEPT = "attnclf"  # beside the snapshots of a model in the cache


def located(model: str | Path) -> Path:
    """Return the folder of a model argument: the folder itself, or for `hf:owner/name[@revision]` where it was fetched.

    Only this distinguishes the two kinds. Raises HubError where the hub has no such model or is not to be
    reached, BundleError where what it has is not a whole model.
    """
    if not str(model).startswith(PREFIX):
        return Path(model)
    address = ADDRESS.fullmatch(str(model).removeprefix(PREFIX))
    if address is None:
        raise HubError(f"{model} is no name on the hub", fix="write it as hf:owner/name or hf:owner/name@revision")
    return fetch(address["name"], address["revision"])


def fetch(name: str, revision: str | None = None) -> Path:
    """Return a folder with the model `owner/name` of the hub, at a branch, tag or commit (default: its main branch).

    The folder belongs to one commit, so it never changes. The hub is asked which commit that is, unless HF_HUB_OFFLINE
    is set or there is no network, when it is the last one known.
    """
    with _told(name, revision, "reading"):
        from huggingface_hub import hf_hub_download

        here_only = not _reached(name, revision)
        manifest = Path(
            hf_hub_download(name, MANIFEST, revision=revision, library_name="attnclf", local_files_only=here_only)
        )
        commit = manifest.parent.name
        folder = manifest.parents[2] / KEPT / commit
        if (folder / MANIFEST).is_file():
            return folder
        listed = parse_manifest(manifest.read_bytes(), manifest)["checksums"]
        # Another process may write the same folder first.
        with contextlib.suppress(FileExistsError), atomic_folder(folder, replace=False) as temporary:
            for file in (MANIFEST, *listed):
                _put(Path(hf_hub_download(name, file, revision=commit, library_name="attnclf")), temporary / file)
            try:
                open_bundle(temporary).verify()
            except BundleError as error:
                raise HubError(
                    f"the model {name} on the hub is incomplete: {error.problem.replace(f'{temporary}/', '')}",
                    fix="tell its owner, or pass another revision: hf:owner/name@revision",
                ) from error
    return folder


def push(folder: Path, name: str, *, private: bool = False) -> str:
    """Copy a model folder to `owner/name` on the hub, which is made if need be, in one commit; return its address.

    Exactly the files that the model lists go up, after each was checked. Raises HubError.
    """
    bundle = open_bundle(folder)
    bundle.verify()
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) is None:
        raise HubError(f"{name!r} is no name on the hub", fix="write it as owner/name")
    with _told(name, None, "writing"):
        from huggingface_hub import CommitOperationAdd, HfApi

        api = HfApi(library_name="attnclf", library_version=__version__)
        address = str(api.create_repo(name, private=private or None, exist_ok=True))
        files = (MANIFEST, *bundle.manifest["checksums"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a card which somebody wrote by hand lacks a header
            api.create_commit(
                name,
                [CommitOperationAdd(path_in_repo=file, path_or_fileobj=folder / file) for file in files],
                commit_message=f"Model trained by attnclf {bundle.manifest['attnclf']}",
            )
    return address


def _reached(name: str, revision: str | None) -> bool:
    """Ask the hub once whether it has the model; False where it does not answer.

    `hf_hub_download` would ask six times, for half a minute, before it says that there is no network.
    """
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(name, MANIFEST, revision=revision), library_name="attnclf")
    except errors.HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise
        return False
    except (errors.OfflineModeIsEnabled, errors.HTTPError):
        return False
    return True


def _put(cached: Path, path: Path) -> None:
    """Let a cached file stand in a folder of its own, without a copy where the disk allows it.

    The cache has links to files with other names, and a model folder has no links.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    source = cached.resolve()
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


@contextlib.contextmanager
def _told(name: str, revision: str | None, doing: str) -> Iterator[None]:
    """Turn what `huggingface_hub` raises into one line with the remedy."""
    from huggingface_hub import errors
    from huggingface_hub.utils import disable_progress_bars, logging

    logging.set_verbosity_error()
    if not sys.stderr.isatty():
        disable_progress_bars()
    at = f" at {revision}" if revision else ""
    sign_in = "sign in with hf auth login, or set HF_TOKEN"
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(f"the model {name} is gated", fix=f"ask for access on its page and {sign_in}") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"the hub has no model {name}, or it is private", fix=f"check the name, or {sign_in}") from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(name, at, doing) from error
    except errors.EntryNotFoundError as error:
        raise HubError(
            f"{name}{at} on the hub is not a whole model of attnclf", fix="check its name and its files"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"the model {name} has no revision {revision}", fix="check its page for one") from error
    except (errors.LocalTokenNotFoundError, errors.OfflineModeIsEnabled, errors.HfHubHTTPError) as error:
        status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
        if isinstance(error, errors.LocalTokenNotFoundError) or status == 401:
            raise HubError(f"{doing} {name} needs a token of the hub", fix=sign_in) from error
        if status == 403:
            raise HubError(f"{doing} {name} is not allowed with this token", fix="use one with access to it") from error
        if status is None:
            raise _unreachable(name, at, doing) from error
        raise HubError(f"the hub answered {status} when {doing} {name}", fix="try again later") from error
    except errors.HFValidationError as error:
        raise HubError(f"{name!r} is no name on the hub", fix="write it as owner/name") from error
    except (errors.HTTPError, errors.XetDownloadError, RuntimeError) as error:  # the last of a file half way up
        raise _unreachable(name, at, doing) from error
    except OSError as error:
        raise HubError(
            f"cannot keep {name} in the cache of the hub: {error.strerror or error}",
            fix="free some space there, or set HF_HOME to another folder",
        ) from error


def _unreachable(name: str, at: str, doing: str) -> HubError:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    if offline:
        where = "" if doing == "writing" else ", and it is not in the cache"
        return HubError(f"HF_HUB_OFFLINE is set when {doing} {name}{at}{where}", fix="unset HF_HUB_OFFLINE")
    return HubError(
        f"the hub cannot be reached when {doing} {name}{at}",
        fix="check the network" + (" and HF_ENDPOINT" if "HF_ENDPOINT" in os.environ else ""),
    )
