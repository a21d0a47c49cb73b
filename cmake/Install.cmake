# SPDX-License-Identifier: MIT
# The shared library, and what `cmake --install` puts where: headers, both libraries, the program
# (src/cli), a pkg-config file and a CMake package.
include(CMakePackageConfigHelpers)

# Object files among the sources of x64emu are not among its objects.
add_library(x64emu_shared SHARED $<TARGET_OBJECTS:x64emu> $<TARGET_OBJECTS:x64emu_fast>)
set(EXPORTED_MAP ${CMAKE_CURRENT_LIST_DIR}/exported.map)
set_target_properties(x64emu_shared PROPERTIES
  OUTPUT_NAME x64emu EXPORT_NAME x64emu VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C LINK_DEPENDS ${EXPORTED_MAP})
target_include_directories(x64emu_shared INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(x64emu_shared PRIVATE Zydis::Zydis PkgConfig::IMAGE_CODECS)
target_link_options(x64emu_shared PRIVATE LINKER:--version-script=${EXPORTED_MAP})
if(X64EMU_SANITIZE)
  target_link_options(x64emu_shared PUBLIC -fsanitize=address,undefined)
elseif(X64EMU_SANITIZE_THREAD)
  target_link_options(x64emu_shared PUBLIC -fsanitize=thread)
else()
  target_link_options(x64emu_shared PRIVATE LINKER:-z,defs) # nothing is left out
endif()

set_target_properties(x64emu PROPERTIES EXPORT_NAME x64emu_static)

set(X64EMU_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/x64emu)
install(TARGETS x64emu x64emu_shared EXPORT x64emu)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/x64emu DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(EXPORT x64emu NAMESPACE x64emu:: FILE x64emu-targets.cmake DESTINATION ${X64EMU_PACKAGE})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/x64emu-config.cmake.in
  ${PROJECT_BINARY_DIR}/x64emu-config.cmake INSTALL_DESTINATION ${X64EMU_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/x64emu-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/x64emu-config.cmake
              ${PROJECT_BINARY_DIR}/x64emu-config-version.cmake DESTINATION ${X64EMU_PACKAGE})
file(RELATIVE_PATH X64EMU_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/x64emu.pc.in ${PROJECT_BINARY_DIR}/x64emu.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/x64emu.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
