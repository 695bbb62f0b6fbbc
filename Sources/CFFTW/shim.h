#pragma once
#include <fftw3.h>

// The version is an array of unknown size, which Swift cannot import.
static inline const char *hsi_fftwf_version(void) { return fftwf_version; }
