/* input.h: JSON from the command line, a file or standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli.h"

#define INPUT_BYTES_MAX (4u << 20) /* longer is refused here; the coordinator takes less */

/* A whole file; "-" is standard input. CLI_EXIT_LOCAL after complaining. */
TROTH_MUST_CHECK int input_read(const char *path, struct buffer *ret_text);

/* The value of an option: JSON itself, @FILE or -. Checked: CLI_EXIT_REFUSED names line and column.
 * *ret_value points into ret_text. */
TROTH_MUST_CHECK int input_option(const char *option, const char *argument, struct buffer *ret_text,
                                  struct troth_span *ret_value);

#endif
