/* Records every host that a process asks for or sends to outside this machine, and lets none be reached.
 *
 * Preloaded (LD_PRELOAD) into a command and its children: a line for each in the file that LOOKUPS names. A datagram
 * socket that is only connected sends nothing, which is how programs find out their own address.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void record(const char *host) {
    const char *path = getenv("LOOKUPS");
    char line[512];
    int length = snprintf(line, sizeof line, "%s\n", host);
    int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file >= 0) {
        if (write(file, line, (size_t)length) < 0) abort();
        close(file);
    }
}

static int outside_name(const char *host) {
    char own[256] = "";
    unsigned char address[16];
    gethostname(own, sizeof own - 1);
    return host && *host && strcmp(host, "localhost") && strcmp(host, own) && inet_pton(AF_INET, host, address) != 1 &&
           inet_pton(AF_INET6, host, address) != 1;
}

static int own_address(const struct sockaddr *to) {
    struct ifaddrs *all, *one;
    int own = 0;
    if (getifaddrs(&all)) return 0;
    for (one = all; one; one = one->ifa_next) {
        const struct sockaddr *here = one->ifa_addr;
        if (!here || here->sa_family != to->sa_family) continue;
        if (to->sa_family == AF_INET)
            own |= ((const struct sockaddr_in *)here)->sin_addr.s_addr == ((const struct sockaddr_in *)to)->sin_addr.s_addr;
        else
            own |= IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)here)->sin6_addr,
                                      &((const struct sockaddr_in6 *)to)->sin6_addr);
    }
    freeifaddrs(all);
    return own;
}

static int outside_address(const struct sockaddr *to) {
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in mapped = {.sin_family = AF_INET};
    if (to && to->sa_family == AF_INET6) {
        const struct in6_addr *address = &((const struct sockaddr_in6 *)to)->sin6_addr;
        if (IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address)) return 0;
        inet_ntop(AF_INET6, address, host, sizeof host);
        if (IN6_IS_ADDR_V4MAPPED(address)) {
            memcpy(&mapped.sin_addr, &address->s6_addr[12], 4);
            to = (const struct sockaddr *)&mapped;
        }
    }
    if (!to || (to->sa_family != AF_INET && to->sa_family != AF_INET6)) return 0;
    if (to->sa_family == AF_INET) {
        const struct in_addr *address = &((const struct sockaddr_in *)to)->sin_addr;
        if ((ntohl(address->s_addr) >> 24) == 127 || address->s_addr == 0) return 0;
        inet_ntop(AF_INET, address, host, sizeof host);
    }
    if (own_address(to)) return 0;
    record(host);
    errno = ENETUNREACH;
    return 1;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!outside_name(host)) return real(host, service, hints, found);
    record(host);
    return EAI_NONAME;
}

struct hostent *gethostbyname(const char *host) {
    struct hostent *(*real)(const char *) = dlsym(RTLD_NEXT, "gethostbyname");
    if (!outside_name(host)) return real(host);
    record(host);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

int connect(int socket, const struct sockaddr *to, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    int kind = 0;
    socklen_t size = sizeof kind;
    getsockopt(socket, SOL_SOCKET, SO_TYPE, &kind, &size);
    if (kind == SOCK_STREAM && outside_address(to)) return -1;
    return real(socket, to, length);
}

ssize_t sendto(int socket, const void *data, size_t count, int flags, const struct sockaddr *to, socklen_t length) {
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
    if (outside_address(to)) return -1;
    return real(socket, data, count, flags, to, length);
}
