// What puts a terminal back when the process stops or dies: only async-signal-safe calls, hence C.
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Remembers how to leave and how to enter the screen and watches the signals that stop or end a process:
/// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGTSTP, SIGCONT, and `exit`.
/// A stop or a request to end that somebody already handles or ignores is left to them, so a program that finishes its
/// files at SIGINT says so before it arms the guard. Crashes are always taken and then end by the default action, so that
/// a parent sees the right status; only where SWIFT_BACKTRACE is set do they go on to whoever had them. The modes of `fd` at the time of the call are those put back.
/// Both sequences are copied; returns false when one is too long or `fd` is no terminal.
bool ct_guard_arm(int fd, const void *leave, size_t leave_length, const void *enter, size_t enter_length);

/// Remembers the present modes of the terminal as those to set again when the process is continued.
void ct_guard_entered(void);

/// Leaves the screen, once: later calls do nothing. Safe in a signal handler.
void ct_guard_leave(void);

/// While the terminal owes an answer, leaving drops what it has sent: a shell would take it for keys.
void ct_guard_expect_answer(bool is_expected);

/// Gives the signals back after `ct_guard_leave`.
void ct_guard_disarm(void);

/// True once after the process was continued: the screen must be painted anew.
bool ct_guard_take_continued(void);

/// False once something that was printed to standard output was lost.
bool ct_output_is_whole(void);

/// True while the screen may be written to.
bool ct_guard_is_entered(void);
