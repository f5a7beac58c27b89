// The default student network: a complete safetensors file, embedded in the binary.
#pragma once
#include <stddef.h>

const void *posecam_student_bytes(void);
extern const size_t posecam_student_size;
