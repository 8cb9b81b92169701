# What `cmake --install` puts down: libtroth.so and libtroth.a with only troth_… symbols visible, the
# public headers, troth.pc and the CMake package "troth".
#
# The modules are compiled once more here, without hidden visibility: the linker's version script and
# objcopy choose by name what is seen, so that the public headers need no export macros.
file(GLOB installed_sources CONFIGURE_DEPENDS ${sdk_dir}/src/*.c ${sdk_dir}/base/*.c
  ${sdk_dir}/wire/*.c ${sdk_dir}/http/*.c ${sdk_dir}/resolve/*.c ${sdk_dir}/hosts/*.c)
add_library(troth_objects OBJECT ${installed_sources})
target_include_directories(troth_objects PRIVATE ${sdk_dir}/include ${sdk_dir}/src
  ${sdk_dir}/base ${sdk_dir}/base/include ${sdk_dir}/wire ${sdk_dir}/wire/include ${sdk_dir}/http ${sdk_dir}/http/include
  ${sdk_dir}/resolve ${sdk_dir}/resolve/include ${sdk_dir}/hosts/include)
target_link_libraries(troth_objects PRIVATE llhttp PkgConfig::LIBPQ PkgConfig::LIBEVENT PkgConfig::CARES PkgConfig::SSL
  guard_migrations guard_sql troth_flags)
set(troth_installed $<TARGET_OBJECTS:troth_objects> $<TARGET_OBJECTS:guard_migrations>
  $<TARGET_OBJECTS:guard_sql>)

add_library(troth_shared SHARED ${troth_installed})
target_link_libraries(troth_shared PRIVATE llhttp PkgConfig::LIBPQ PkgConfig::LIBEVENT PkgConfig::CARES PkgConfig::SSL
  Threads::Threads)
target_link_options(troth_shared PRIVATE -Wl,--version-script=${sdk_dir}/troth.map -Wl,-z,defs)
# Below 1.0 a minor version may change what programs rely on, so it is part of the soname.
set(troth_soversion ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(troth_soversion 0.${PROJECT_VERSION_MINOR})
endif()
set_target_properties(troth_shared PROPERTIES OUTPUT_NAME troth VERSION ${PROJECT_VERSION}
  SOVERSION ${troth_soversion} LINKER_LANGUAGE C LINK_DEPENDS ${sdk_dir}/troth.map)

# One relocatable object whose other symbols are local. llhttp goes into it where it is built here.
set(troth_llhttp_private)
set(troth_llhttp_cmake)
if(LLHTTP_LIBRARY)
  set(troth_llhttp_archive)
  set(troth_llhttp_private -lllhttp)
  set(troth_llhttp_cmake ";llhttp")
else()
  set(troth_llhttp_archive $<TARGET_FILE:llhttp>)
endif()
# Both libraries show the same names.
file(READ troth.map troth_exported)
string(REGEX MATCHALL "troth_[a-z0-9_]+" troth_exported "${troth_exported}")
list(JOIN troth_exported "\n" troth_exported)
file(CONFIGURE OUTPUT exported.txt CONTENT "${troth_exported}\n")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sdk_dir}/troth.map)
add_custom_command(OUTPUT libtroth.a
  COMMAND ${CMAKE_LINKER} -r -o troth_whole.o ${troth_installed} --whole-archive
    ${troth_llhttp_archive} --no-whole-archive
  COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${CMAKE_CURRENT_BINARY_DIR}/exported.txt troth_whole.o
  COMMAND ${CMAKE_COMMAND} -E rm -f libtroth.a
  COMMAND ${CMAKE_AR} rcs libtroth.a troth_whole.o
  DEPENDS troth_objects ${troth_installed} llhttp ${CMAKE_CURRENT_BINARY_DIR}/exported.txt
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(troth_static ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/libtroth.a)

file(RELATIVE_PATH troth_pc_to_prefix /any/${CMAKE_INSTALL_LIBDIR}/pkgconfig /any)
configure_file(troth.pc.in troth.pc @ONLY)
include(CMakePackageConfigHelpers)
configure_package_config_file(troth-config.cmake.in troth-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/troth
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/troth-config-version.cmake
  COMPATIBILITY SameMinorVersion)

install(TARGETS troth_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libtroth.a DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT sdk)
install(DIRECTORY include/troth DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/troth.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT sdk)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/troth-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/troth-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/troth COMPONENT sdk)
# Not the library's own statements: they fit this one version of it.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sql/participant
  DESTINATION ${CMAKE_INSTALL_DATADIR}/troth/sql COMPONENT sdk PATTERN statements EXCLUDE)
