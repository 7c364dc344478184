# Verbs.cmake - the only words the folders' lists are written in.

# sluice_library(NAME SOURCES... [LINK TARGETS...]): one folder, one library.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(NOT ARG_UNPARSED_ARGUMENTS) # a folder that is still to be filled
    file(WRITE ${CMAKE_BINARY_DIR}/empty.c "extern int sluice_empty;\n")
    set(ARG_UNPARSED_ARGUMENTS ${CMAKE_BINARY_DIR}/empty.c)
  endif()
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC sluice_flags PRIVATE ${ARG_LINK})
endfunction()

# sluice_program(NAME MAIN.c LINK TARGETS...): a main that wires libraries.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} sluice_flags)
  install(TARGETS ${name} RUNTIME)
endfunction()

# sluice_tool(NAME SOURCES... [LINK TARGETS...]): a program of tests or bench,
# never installed.
function(sluice_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} sluice_flags)
endfunction()

# sluice_suite(PREFIX PROGRAM SOURCES... SUITES NAMES... LINK TARGETS...):
# a CUnit program; ctest shows each suite as PREFIX.NAME.
function(sluice_suite prefix program)
  cmake_parse_arguments(ARG "" "" "LINK;SUITES" ${ARGN})
  add_executable(${program} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${program} PRIVATE
    ${ARG_LINK} sluice_flags PkgConfig::CUNIT)
  foreach(suite ${ARG_SUITES})
    add_test(NAME ${prefix}.${suite} COMMAND ${program} ${suite}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${prefix}.${suite} PROPERTIES SKIP_RETURN_CODE 77)
  endforeach()
endfunction()

# sluice_fuzzer(NAME LINK TARGETS...): tests/fuzz/NAME.c, with libFuzzer when
# SLUICE_FUZZ is on; always as a plain test that replays corpus/NAME.
function(sluice_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(SLUICE_FUZZ)
    add_executable(${name} ${name}.c)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # what the checks do is no coverage of the product
    set_source_files_properties(${name}.c PROPERTIES
      COMPILE_OPTIONS -fno-sanitize=fuzzer-no-link)
  else()
    add_executable(${name} ${name}.c replay.c)
    add_test(NAME fuzz.${name}
      COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} sluice_flags)
endfunction()
