/* error.c: each error code with its name, its text and its class. */
#include <troth/error.h>

const char *troth_error_name(int error)
{
    switch (error) {
    case TROTH_OK:
        return "OK";
#define NAME_CASE(name, code, class, text)                                                         \
    case code:                                                                                     \
        return #name;
        TROTH_ERRORS(NAME_CASE)
#undef NAME_CASE
    default: /* any int may come in, not only our enum */
        return "?";
    }
}

const char *troth_error_text(int error)
{
    switch (error) {
    case TROTH_OK:
        return "no error";
#define TEXT_CASE(name, code, class, text)                                                         \
    case code:                                                                                     \
        return text;
        TROTH_ERRORS(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "an error that is not in the list";
    }
}

enum troth_error_class troth_error_class(int error)
{
    static const struct {
        int code;
        enum troth_error_class class;
    } classes[] = {{TROTH_OK, TROTH_CLASS_OK},
#define CLASS_ENTRY(name, code, class, text) {code, TROTH_CLASS_##class},
                   TROTH_ERRORS(CLASS_ENTRY)
#undef CLASS_ENTRY
    };
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (classes[i].code == error)
            return classes[i].class;
    return TROTH_CLASS_FATAL;
}
