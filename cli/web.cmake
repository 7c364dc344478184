# web.cmake - the files of web/ and the description of its API become a C
# source, ${web}.
set(web ${CMAKE_CURRENT_BINARY_DIR}/serve_assets.c)
file(GLOB_RECURSE web_files RELATIVE ${CMAKE_SOURCE_DIR}/web CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/web/*.html ${CMAKE_SOURCE_DIR}/web/*.css
  ${CMAKE_SOURCE_DIR}/web/*.js ${CMAKE_SOURCE_DIR}/web/*.svg
  ${CMAKE_SOURCE_DIR}/web/*.txt)
set(web_names "docs/openapi.yaml:openapi.yaml")
set(web_paths ${CMAKE_SOURCE_DIR}/docs/openapi.yaml)
foreach(file ${web_files})
  list(APPEND web_names "web/${file}:${file}")
  list(APPEND web_paths ${CMAKE_SOURCE_DIR}/web/${file})
endforeach()
add_custom_command(OUTPUT ${web}
  COMMAND ${CMAKE_COMMAND} -DOUT=${web} -DTOP=${CMAKE_SOURCE_DIR}
    "-DFILES=${web_names}" -P ${CMAKE_SOURCE_DIR}/cmake/Assets.cmake
  DEPENDS ${web_paths} ${CMAKE_SOURCE_DIR}/cmake/Assets.cmake VERBATIM)
