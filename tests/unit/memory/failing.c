#include "failing.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdlib.h>

#include <troth/error.h>

#define ALLOCATIONS_MAX 20000u /* of one run; more is a fault of the test */

static uint32_t left; /* 0: nothing fails */
static bool failed;
static int64_t live;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
int __real_vasprintf(char **ret_text, const char *format, va_list arguments);
void __real_free(void *data);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments);
void __wrap_free(void *data);

static bool fails(void)
{
    if (left == 0 || --left > 0)
        return false;
    failed = true;
    return true;
}

static void *count(void *data)
{
    live += data != NULL;
    return data;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails())
        return NULL;
    void *data = __real_realloc(old, size);
    return old == NULL ? count(data) : data;
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : count(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : count(__real_strndup(text, len));
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments)
{
    if (fails())
        return -1;
    int len = __real_vasprintf(ret_text, format, arguments);
    live += len >= 0;
    return len;
}

void __wrap_free(void *data)
{
    live -= data != NULL;
    __real_free(data);
}

void failing_begin(uint32_t nth)
{
    event_set_mem_functions(malloc, realloc, free);
    left = nth;
    failed = false;
}

bool failing_end(void)
{
    left = 0;
    return failed;
}

int64_t failing_live(void)
{
    return live;
}

void failing_each(int (*run)(void), int wanted)
{
    for (uint32_t nth = 1; nth < ALLOCATIONS_MAX; nth++) {
        int64_t before = live;
        failing_begin(nth);
        int error = run();
        bool reached = failing_end();
        ck_assert_msg(live == before, "%d allocations are left behind the failing of number %u",
                      (int)(live - before), nth);
        ck_assert_msg(error == wanted || (reached && error == TROTH_ERROR_NO_MEMORY),
                      "allocation %u failing: %s", nth, troth_error_name(error));
        ck_assert_int_eq(run(), wanted);
        if (!reached) {
            ck_assert_uint_gt(nth, 1); /* or nothing was tested */
            return;
        }
    }
    ck_abort_msg("more than %u allocations", ALLOCATIONS_MAX);
}
