/* points.c: the crash points of a program (base/crash.h), and what a test says to them.
 *
 *   PROGRAM --list-crash-points      prints each point's name and place, and ends
 *   CRASH_POINTS_FILE=FILE PROGRAM   shares FILE with the test (tests/support/crash.py): each point
 *                                    with how often it was passed, and the one to stop at
 *
 * Part of every program of ours in a build with TROTH_CRASH_POINTS; no code of theirs knows it. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <base/crash.h>

#define NAME_BYTES   64u
#define POINTS_MAX   512u
#define WAIT_US      500
#define WAIT_MAX_US  60000000
#define LIST_COMMAND "--list-crash-points"

/* What the file holds, as tests/support/crash.py reads and writes it. */
enum state { IDLE, ARMED, REACHED, GO_ON };

struct shared {
    uint32_t
        state; /* enum state: the test arms and lets go on, the process says that it is there */
    uint32_t passes; /* to let through before it stops */
    char armed[NAME_BYTES];
    char off[NAME_BYTES]; /* the rule that is switched off; "": none */
    uint32_t count;
    uint32_t pid; /* of who has written the list below last */
    struct {
        char name[NAME_BYTES];
        uint32_t passed;
    } points[POINTS_MAX];
};

extern const struct crash_point *const __start_crash_points[];
extern const struct crash_point *const __stop_crash_points[];

static struct shared *shared; /* NULL: no test listens */

static void name_format(const struct crash_point *point, unsigned kind, char ret_name[NAME_BYTES])
{
    const char *of = point->name_of == NULL ? "" : point->name_of(kind);
    int len = snprintf(ret_name, NAME_BYTES, "%s%s%s", point->name, of[0] != '\0' ? "." : "", of);
    if (len >= (int)NAME_BYTES) {
        fprintf(stderr, "crash point %s: its name is too long\n", point->name);
        abort();
    }
}

static void list_print(void)
{
    for (const struct crash_point *const *at = __start_crash_points; at < __stop_crash_points; at++)
        for (unsigned kind = 0; kind < (*at)->kinds; kind++) {
            char name[NAME_BYTES];

            name_format(*at, kind, name);
            printf("%s %s:%d\n", name, (*at)->file, (*at)->line);
        }
}

/* The file keeps what an earlier process of the same program has counted. */
static void list_share(void)
{
    uint32_t count = 0;
    for (const struct crash_point *const *at = __start_crash_points; at < __stop_crash_points; at++)
        for (unsigned kind = 0; kind < (*at)->kinds; kind++) {
            if (count == POINTS_MAX)
                abort();
            name_format(*at, kind, shared->points[count++].name);
        }
    shared->count = count;
    shared->pid = (uint32_t)getpid();
}

__attribute__((constructor)) static void points_begin(int argc, char **argv)
{
    const char *path = getenv("CRASH_POINTS_FILE");
    if (argc == 2 && strcmp(argv[1], LIST_COMMAND) == 0) {
        list_print();
        exit(EXIT_SUCCESS);
    }
    if (path == NULL)
        return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *mapped = MAP_FAILED;
    if (file >= 0 && ftruncate(file, sizeof *shared) == 0)
        mapped = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
        perror(path);
        abort();
    }
    (void)close(file);
    shared = mapped;
    list_share();
}

static uint32_t *passed_of(const struct crash_point *point, unsigned kind)
{
    uint32_t at = kind;
    for (const struct crash_point *const *before = __start_crash_points; *before != point; before++)
        at += (*before)->kinds;
    return &shared->points[at].passed;
}

/* Only one thread stops. */
static int is_the_one(const struct crash_point *point, unsigned kind)
{
    char name[NAME_BYTES];
    uint32_t armed = ARMED;
    if (__atomic_load_n(&shared->state, __ATOMIC_ACQUIRE) != ARMED)
        return 0;
    name_format(point, kind, name);
    if (strncmp(name, shared->armed, sizeof name) != 0)
        return 0;
    if (shared->passes > 0) {
        __atomic_fetch_sub(&shared->passes, 1, __ATOMIC_ACQ_REL);
        return 0;
    }
    return __atomic_compare_exchange_n(&shared->state, &armed, REACHED, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

void crash_point_reached(const struct crash_point *point, unsigned kind)
{
    const struct timespec wait = {.tv_nsec = WAIT_US * 1000};
    if (shared == NULL)
        return;
    __atomic_fetch_add(passed_of(point, kind), 1, __ATOMIC_RELAXED);
    if (!is_the_one(point, kind))
        return;
    for (long us = 0; __atomic_load_n(&shared->state, __ATOMIC_ACQUIRE) == REACHED; us += WAIT_US) {
        if (us >= WAIT_MAX_US) {
            fprintf(stderr, "crash point %s: the test has left\n", point->name);
            abort();
        }
        (void)nanosleep(&wait, NULL); /* a signal that cuts it short does no harm */
    }
}

bool crash_rule_is_off(const char *rule)
{
    return shared != NULL && strncmp(shared->off, rule, sizeof shared->off) == 0;
}
