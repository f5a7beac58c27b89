#include "CModel.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

_Alignas(64) const unsigned char posecam_student[] = {
#embed "student.safetensors"
};
const size_t posecam_student_size = sizeof posecam_student;
