/* Preloaded into a program: its wall clock is ahead by the seconds that stand, as one int64_t, in
 * the file $CLOCK_SHIFT, now; whoever writes there makes it jump. The monotonic clock, and
 * everybody else's, go as they are. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_seconds(void)
{
    static const volatile int64_t none = 0;
    const char *path = getenv("CLOCK_SHIFT");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *at = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0)
        (void)close(file);
    return at == MAP_FAILED ? &none : at;
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    static int (*real)(clockid_t, struct timespec *);
    static const volatile int64_t *shift;
    if (shift == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        shift = shift_seconds();
    }
    int result = real(id, ret_time);

    if (id == CLOCK_REALTIME)
        ret_time->tv_sec += *shift;
    return result;
}
