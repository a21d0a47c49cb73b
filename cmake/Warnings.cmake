# SPDX-License-Identifier: MIT
# Warnings and sanitizers that every target of the project is built with.
function(x64emu_warnings target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes>)
  if(X64EMU_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-Werror>)
  endif()
  if(X64EMU_SANITIZE)
    # Undefined behaviour traps: its messages would be 40 MB of data and 1.5 million relocations in
    # every program. With ASAN_OPTIONS=handle_sigill=1, as in the test preset, the line is told.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:C>:-fsanitize=address,undefined -fsanitize-undefined-trap-on-error
        -fno-omit-frame-pointer>)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
      target_link_options(${target} PRIVATE -no-pie)
    endif()
  endif()
  if(X64EMU_SANITIZE_THREAD)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-fsanitize=thread>)
    target_link_options(${target} PUBLIC -fsanitize=thread)
  endif()
  if(X64EMU_FUZZ)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
  endif()
endfunction()
