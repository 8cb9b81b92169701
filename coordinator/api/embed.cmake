# cmake -DIN=openapi.json -DOUT=openapi_data.c -P embed.cmake: a file as a C array.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," list "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" list "${list}")
file(WRITE ${OUT} "#include \"openapi_data.h\"\n\nconst unsigned char openapi_data[] = {\n${list}};\nconst size_t openapi_data_len = ${bytes};\n")
