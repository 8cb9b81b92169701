/* definition_check.c: definition files from standard input, each as its length in bytes, a line
 * break and its text; for each what definition_parse() finds wrong, and a zero byte. */
#include <stdio.h>
#include <stdlib.h>

#include <definition/definition.h>

static bool text_read(struct buffer *ret_text)
{
    size_t len;
    char line[32];
    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    len = strtoul(line, NULL, 10);
    buffer_clear(ret_text);
    if (!buffer_reserve(ret_text, len + 1) || fread(ret_text->data, 1, len, stdin) != len)
        exit(2);
    ret_text->len = len;
    return true;
}

static void text_check(struct troth_span text)
{
    BUFFER_SCOPED struct buffer list = {0};
    struct faults faults = {0};
    struct definition *definition = NULL;
    int r = definition_parse(text, &faults, &definition);
    if ((r == 0) != (faults.errors == 0))
        exit(3);
    faults_format(&faults, "file", &list);
    faults_finish(&faults);
    definition_destroy(definition);
    if (list.len > 0)
        (void)fwrite(list.data, 1, list.len, stdout);
    (void)fputc('\0', stdout);
}

int main(void)
{
    BUFFER_SCOPED struct buffer text = {0};
    while (text_read(&text))
        text_check(buffer_span(&text));
    return fflush(stdout) == 0 && ferror(stdin) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
