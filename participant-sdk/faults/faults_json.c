/* faults_json.c: faults as programs read them. */
#include <base/json.h>
#include <faults/faults.h>

static void fault_append(struct buffer *list, const struct fault *fault)
{
    buffer_append_text(list, "{\"pointer\":");
    json_append_text(list, fault->pointer != NULL ? fault->pointer : "");
    if (fault->line > 0) {
        buffer_append_text(list, ",\"line\":");
        buffer_append_uint(list, fault->line);
        buffer_append_text(list, ",\"column\":");
        buffer_append_uint(list, fault->column);
    }
    buffer_append_text(list, fault->warning ? ",\"severity\":\"warning\",\"detail\":"
                                            : ",\"severity\":\"error\",\"detail\":");
    json_append_text(list, fault->text != NULL ? fault->text : "");
    buffer_append_char(list, '}');
}

void faults_json(const struct faults *faults, struct buffer *list)
{
    buffer_append_char(list, '[');
    for (uint32_t i = 0; i < faults->count; i++) {
        if (i > 0)
            buffer_append_char(list, ',');
        fault_append(list, &faults->list[i]);
    }
    buffer_append_char(list, ']');
}
