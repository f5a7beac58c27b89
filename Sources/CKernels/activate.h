// Activations of single numbers, for the plain C of every kernel. What is not a number stays so.
#pragma once
#include "CKernels.h"

#include <math.h>

static inline float activate(ck_activation activation, float x) {
  switch (activation) {
  case ck_activation_none: return x;
  case ck_activation_relu: return x < 0 ? 0 : x;
  case ck_activation_elu: return x > 0 ? x : expm1f(x);
  }
}
