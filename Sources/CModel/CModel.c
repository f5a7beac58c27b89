#include "CModel.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

_Alignas(64) static const unsigned char student[] = {
#embed "student.safetensors"
};

const void *posecam_student_bytes(void) { return student; }
const size_t posecam_student_size = sizeof student;
