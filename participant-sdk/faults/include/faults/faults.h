/* faults/faults.h: what is wrong with a file that people write: every fault at once, each with its
 * line, column and JSON pointer. */
#ifndef FAULTS_FAULTS_H
#define FAULTS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>

#define FAULTS_MAX 100u /* further ones are counted, not listed */

struct fault {
    bool warning;
    uint32_t line, column; /* from 1; 0 when it has no place; columns count code points */
    char *pointer;         /* JSON pointer (RFC 6901), "" is the whole document */
    char *text;            /* what is wrong, and the nearest right name where there is one */
};

struct faults {
    uint32_t count;
    uint32_t errors; /* without warnings, also those beyond FAULTS_MAX */
    struct fault list[FAULTS_MAX];
};
void faults_finish(struct faults *faults);
/* "file:line:column: pointer: text", one a line, in the order of the file; without the pointer
 * where that is "", and with "warning: " before the text of a warning. Control characters of a
 * pointer are shown as \u001f. */
void faults_format(const struct faults *faults, const char *file, struct buffer *ret_text);

/* [{"pointer":"/steps/1","line":4,"column":7,"severity":"warning","detail":"…"}, …] */
void faults_json(const struct faults *faults, struct buffer *ret_list);

#endif
