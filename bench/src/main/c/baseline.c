/*
 * The baseline of the broadcast benchmark: an epoll server that does what cannot be left out. It shakes hands without
 * looking, unmasks what one client says, and sends it to all others. Frames that are read together leave in one send().
 * Usage: baseline PORT. One thread. Text frames of up to 65,535 bytes; no errors are handled but the end of a socket.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 20000
#define BUFFER (1 << 20)

static int clients[CLIENTS], count, place[1 << 16];
static uint8_t in[BUFFER], out[BUFFER];

static void leave(int fd) {
  int at = place[fd];
  if (at > 0) {
    clients[at - 1] = clients[--count];
    place[clients[at - 1]] = at;
    place[fd] = 0;
  }
  close(fd);
}

static void shake(int fd) {
  static const char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
  clients[count++] = fd;
  place[fd] = count;
}

/* The frames of n bytes, unmasked behind server headers; returns their length. */
static size_t relay(size_t n) {
  size_t at = 0, end = 0;
  while (at + 6 <= n) {
    size_t length = in[at + 1] & 0x7f, header = 2;
    if (length == 126) {
      length = (size_t)in[at + 2] << 8 | in[at + 3];
      header = 4;
    }
    if (at + header + 4 + length > n) break;
    out[end++] = in[at];
    if (length < 126) {
      out[end++] = (uint8_t)length;
    } else {
      out[end++] = 126;
      out[end++] = (uint8_t)(length >> 8);
      out[end++] = (uint8_t)length;
    }
    uint8_t *key = in + at + header, *payload = key + 4;
    for (size_t i = 0; i < length; i++) out[end++] = payload[i] ^ key[i & 3];
    at += header + 4 + length;
  }
  return end;
}

int main(int argc, char **argv) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, loop = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 9000)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("baseline");
    return 1;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[1024];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(loop, events, 1024, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        int client;
        while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          event.events = EPOLLIN;
          event.data.fd = client;
          epoll_ctl(loop, EPOLL_CTL_ADD, client, &event);
        }
        continue;
      }
      ssize_t got = recv(fd, in, BUFFER, 0);
      if (got <= 0) {
        leave(fd);
      } else if (!place[fd]) {
        shake(fd);
      } else {
        size_t length = relay((size_t)got);
        for (int c = 0; length > 0 && c < count; c++) {
          if (clients[c] != fd) send(clients[c], out, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
      }
    }
  }
}
