#pragma once
#include <cblas.h>

// LAPACK's Cholesky factor and inverse, which OpenBLAS holds and its header leaves out.
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
