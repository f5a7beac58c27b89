#include "CTerminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { longest_sequence = 512, signal_limit = 65 };

struct sequence {
  char bytes[longest_sequence];
  size_t length;
};

static int terminal = -1;
static struct sequence leave, enter;
static struct termios outside, inside;
static bool knows_inside;
static atomic_bool entered, continued, expects_answer;
static struct sigaction before[signal_limit];
static bool watched[signal_limit];
static bool wants_report;

static const int polite[] = {SIGINT, SIGTERM, SIGHUP};
static const int crashes[] = {SIGQUIT, SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

// A terminal that does not take everything at once (a slow line) is given a moment, then what it has not read is
// dropped to make room, and a dead one is given up. `fd` should not block.
static void send_sequence(const struct sequence *s) {
  size_t sent = 0;
  for (int tries = 0; sent < s->length && tries < 1000; tries++) {
    ssize_t n = write(terminal, s->bytes + sent, s->length - sent);
    if (n > 0) sent += (size_t)n;
    else if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    else {
      if (tries == 150) tcflush(terminal, TCOFLUSH);
      poll(NULL, 0, 1);
    }
  }
}

void ct_guard_leave(void) {
  if (!atomic_exchange(&entered, false)) return;
  int saved = errno;
  // In the background the terminal belongs to somebody else.
  if (tcgetpgrp(terminal) == getpgrp() || tcgetpgrp(terminal) < 0) {
    send_sequence(&leave);
    if (atomic_load(&expects_answer)) tcflush(terminal, TCIFLUSH);
    tcsetattr(terminal, TCSANOW, &outside);
  }
  errno = saved;
}

static void end(int number, siginfo_t *info, void *context) {
  (void)context;
  ct_guard_leave();
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigaction(number, wants_report ? &before[number] : &plain, NULL);
  // A fault happens again on return, then with its true address for whoever reports it; anything else is sent again,
  // and delivered on return with the status that a parent expects.
  bool recurs = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;
  if (!recurs || info->si_code <= 0) raise(number);
}

typedef void handler(int, siginfo_t *, void *);

static void watch(int number, handler *h) {
  struct sigaction action = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  // Blocked, SIGTTOU would let a process in the background change the modes of its shell's terminal.
  sigdelset(&action.sa_mask, SIGTTOU);
  sigaction(number, &action, NULL);
}

static void go_on(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  int saved = errno;
  if (knows_inside && !atomic_load(&entered)) {
    tcsetattr(terminal, TCSANOW, &inside);  // stops here, by SIGTTOU, until the shell brings us to the front
    send_sequence(&enter);
    atomic_store(&entered, true);
  }
  atomic_store(&continued, true);
  errno = saved;
}

static void stop(int number, siginfo_t *info, void *context) {
  int saved = errno;
  ct_guard_leave();
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigaction(number, &plain, NULL);
  sigset_t only, old;
  sigemptyset(&only);
  sigaddset(&only, number);
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &only, &old);  // stopped inside this call
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  watch(number, stop);
  go_on(SIGCONT, info, context);
  errno = saved;
}

static void take(int number, handler *h, bool always) {
  if (watched[number] || sigaction(number, NULL, &before[number]) != 0) return;
  bool is_default = !(before[number].sa_flags & SA_SIGINFO) && before[number].sa_handler == SIG_DFL;
  if (!is_default && !always) return;
  watched[number] = true;
  watch(number, h);
}

bool ct_guard_arm(int fd, const void *leaving, size_t leave_length, const void *entering, size_t enter_length) {
  static bool at_exit;
  if (leave_length > longest_sequence || enter_length > longest_sequence) return false;
  if (tcgetattr(fd, &outside) != 0) return false;
  terminal = fd;
  wants_report = getenv("SWIFT_BACKTRACE") != NULL;
  knows_inside = false;
  memcpy(leave.bytes, leaving, leave_length);
  leave.length = leave_length;
  memcpy(enter.bytes, entering, enter_length);
  enter.length = enter_length;
  for (size_t i = 0; i < sizeof polite / sizeof *polite; i++) take(polite[i], end, false);
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) take(crashes[i], end, true);
  take(SIGTSTP, stop, false);
  take(SIGCONT, go_on, false);
  if (!at_exit) at_exit = atexit(ct_guard_leave) == 0;
  atomic_store(&continued, false);
  atomic_store(&entered, true);
  return true;
}

void ct_guard_entered(void) { knows_inside = tcgetattr(terminal, &inside) == 0; }

void ct_guard_disarm(void) {
  for (int number = 1; number < signal_limit; number++) {
    if (!watched[number]) continue;
    watched[number] = false;
    struct sigaction now;
    sigaction(number, NULL, &now);
    // Somebody may have taken it since.
    bool is_ours = now.sa_sigaction == end || now.sa_sigaction == stop || now.sa_sigaction == go_on;
    if (is_ours) sigaction(number, &before[number], NULL);
  }
  knows_inside = false;
}

void ct_guard_expect_answer(bool is_expected) { atomic_store(&expects_answer, is_expected); }

bool ct_guard_take_continued(void) { return atomic_exchange(&continued, false); }
bool ct_output_is_whole(void) { return ferror(stdout) == 0; }

bool ct_guard_is_entered(void) { return atomic_load(&entered); }
