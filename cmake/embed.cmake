# cmake -DNAME=name -DOUT=base -DFILES=a|b [-DNUMBERED=ON] [-DSTATEMENTS=ON] -P embed.cmake
#
# Files as C: base.c and base.h with a table `name` of all of them, in the order given, and each by itself as
# name_<file>. NUMBERED: migrations, whose names begin with 0001, 0002 and so on without a gap. STATEMENTS: what
# stands at the top for people and for psql (comments, "prepare NAME (types) as") and the semicolon at the end are
# left out: the text is what is prepared by the protocol.
string(REPLACE "|" ";" files "${FILES}")
string(TOUPPER ${NAME} upper)
set(source "/* Made by cmake/embed.cmake. Not to be edited. */\n#include \"${NAME}.h\"\n\n")
set(table "")
set(names "")
set(count 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  math(EXPR count "${count} + 1")
  if(NUMBERED)
    string(REGEX MATCH "^[0-9]+" number ${name})
    math(EXPR number "${number}")
    if(NOT number EQUAL count)
      message(FATAL_ERROR "${file}: ${count} is missing")
    endif()
  endif()
  if(STATEMENTS)
    file(READ ${file} text)
    string(REGEX REPLACE "^(--[^\n]*\n)+" "" text "${text}")
    string(REGEX REPLACE "^prepare [a-z_]+( [(][^)]*[)])? as\n" "" text "${text}")
    string(REGEX REPLACE ";[ \n]*$" "" text "${text}")
    string(HEX "${text}" hex)
  else()
    file(READ ${file} hex HEX)
  endif()
  string(LENGTH "${hex}" len)
  math(EXPR len "${len} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  string(APPEND source "const char ${NAME}_${name}[] =\n    \"${bytes}\";\n\n")
  string(APPEND names "extern const char ${NAME}_${name}[];\n")
  string(APPEND table "    {\"${name}\", ${NAME}_${name}, ${len}},\n")
endforeach()
string(APPEND source "const struct embedded ${NAME}[${upper}_COUNT] = {\n${table}};\n")
file(WRITE ${OUT}.c "${source}")
file(WRITE ${OUT}.h "/* Made by cmake/embed.cmake. Not to be edited. */
#ifndef EMBEDDED_${upper}_H
#define EMBEDDED_${upper}_H

#include <stddef.h>

#ifndef EMBEDDED_FILE
#define EMBEDDED_FILE
struct embedded {
    const char *name;
    const char *text; /* zero-terminated */
    size_t len;
};
#endif

#define ${upper}_COUNT ${count}
extern const struct embedded ${NAME}[${upper}_COUNT];
${names}
#endif
")
