# Flags.cmake - every compiler and linker flag of the project, in one place.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(SLUICE_WERROR "treat warnings as errors (the presets do)" OFF)
option(SLUICE_SANITIZE "address and undefined behaviour sanitizers" OFF)
option(SLUICE_HARDEN "hardening for programs that face the world" OFF)
option(SLUICE_MUTATIONS "rules can be broken: for tests/crash/mutations.sh" OFF)
option(SLUICE_FUZZ "build the fuzzers with libFuzzer (clang)" OFF)

add_library(sluice_flags INTERFACE)
target_compile_definitions(sluice_flags INTERFACE
  _GNU_SOURCE SLUICE_VERSION="${PROJECT_VERSION}")
target_include_directories(sluice_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wundef -Wvla
  -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual
  -fno-common)
target_link_options(sluice_flags INTERFACE -Wl,--as-needed)
find_package(Threads REQUIRED)
target_link_libraries(sluice_flags INTERFACE Threads::Threads)

if(SLUICE_WERROR)
  target_compile_options(sluice_flags INTERFACE -Werror)
endif()
if(SLUICE_SANITIZE)
  target_compile_options(sluice_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  target_link_options(sluice_flags INTERFACE -fsanitize=address,undefined)
endif()
if(SLUICE_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(sluice_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(sluice_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  target_link_options(sluice_flags INTERFACE
    -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(SLUICE_FUZZ)
  target_compile_definitions(sluice_flags INTERFACE SLUICE_FUZZ)
  target_compile_options(sluice_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(sluice_flags INTERFACE -fsanitize=address,undefined)
endif()
if(SLUICE_MUTATIONS)
  target_compile_definitions(sluice_flags INTERFACE SLUICE_MUTATIONS)
endif()
