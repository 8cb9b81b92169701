/* fuzz_operations.c: any bytes as a file of operations: no crash, no read outside, every fault has
 * a place, and what is sound has a place for each of its bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <file.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct file *file, const struct sqltext *sql)
{
    for (size_t i = 0; sql->text != NULL && i <= sql->len; i++)
        if (sql->places[i] > file->check.text.len)
            abort();
    for (uint32_t i = 0; i < sql->count; i++)
        if (sql->paths[i] == NULL || sql->names[i] == NULL || sql->at[i] >= sql->len)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file *file = file_create((struct troth_span){(const char *)data, size});
    struct buffer said = {0};
    if (file == NULL || file_parse(file) != 0)
        abort();
    for (uint32_t i = 0; i < file->faults.count; i++)
        if (file->faults.list[i].line == 0 || file->faults.list[i].column == 0)
            abort();
    for (uint32_t i = 0; i < file->count; i++) {
        look(file, &file->operations[i].work.sql);
        look(file, &file->operations[i].work.reason);
        look(file, &file->operations[i].undo.sql);
        look(file, &file->operations[i].undo.reason);
        if (!operation_same(&file->operations[i], &file->operations[i]))
            abort();
    }
    file_say(file, "fuzz", &said);
    buffer_finish(&said);
    file_destroy(file);
    return 0;
}
