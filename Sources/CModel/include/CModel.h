// The default student network: a complete safetensors file, embedded in the binary.
#pragma once
#include <stddef.h>

extern const unsigned char posecam_student[];
extern const size_t posecam_student_size;
