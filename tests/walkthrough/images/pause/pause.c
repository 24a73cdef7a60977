/* The process that keeps a pod's network open: sleeps until it is told to go. */
#include <signal.h>
#include <unistd.h>

static void leave(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        pause();
    }
}
