# Assets.cmake - files of web/ as bytes in a C source; run while building:
#   cmake -DOUT=FILE.c -DTOP=FOLDER -DFILES=a;b;c -P Assets.cmake
# A file PATH:NAME is served as /NAME.

set(types
  html text/html
  css text/css
  js text/javascript
  svg image/svg+xml
  yaml text/yaml
  txt text/plain)

set(arrays "")
set(rows "")
set(n 0)
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^:]+):(.+)$" found "${entry}")
  set(path ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  file(READ ${TOP}/${path} hex HEX)
  file(SHA256 ${TOP}/${path} sum)
  string(SUBSTRING ${sum} 0 32 sum)
  string(REGEX MATCH "[^.]+$" ending ${path})
  list(FIND types ${ending} at)
  if(at EQUAL -1)
    message(FATAL_ERROR "what is the type of ${path}?")
  endif()
  math(EXPR at "${at} + 1")
  list(GET types ${at} type) # a semicolon would end an item of the list
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays
    "static const unsigned char bytes_${n}[] = { /* ${path} */\n${hex}0 };\n")
  string(APPEND rows "\t{ \"/${name}\",\n\t\t\"${type}\" CHARSET, \"\\\"${sum}\\\"\", "
    "bytes_${n}, sizeof(bytes_${n}) - 1 },\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/Assets.cmake of the files in web/. */\n"
  "#include \"cli/serve_asset.h\"\n\n"
  "#define CHARSET \"\\x3b charset=utf-8\"\n\n${arrays}\n"
  "const struct serve_asset serve_assets[] = {\n${rows}};\n"
  "const size_t serve_asset_count =\n"
  "\tsizeof(serve_assets) / sizeof(*serve_assets);\n")
