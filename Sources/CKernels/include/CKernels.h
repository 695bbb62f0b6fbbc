// CKernels: the compute kernels of hsi in C.
//
// Conventions shared by every header of this target
// - A scene is pixel-major float32: scene[n * stride + l], n = pixel, l = channel, stride >= channels.
// - Abundances are pixel-major: a[n * endmembers + k].
// - Kernels run on the thread pool by themselves; called from inside a pool item they run serially.
// - Results do not depend on the number of threads. Values of one pixel do not depend on which other pixels
//   are processed in the same call, so strips of any height give bit-identical results. Sums over pixels are
//   split at points fixed by the number of pixels: fp32 inside at most 64 pixels, fp64 beyond.
// - Results may differ in the last bits between kernel levels (see hsi_levels.h) because of fused multiply-add.
// - Nothing allocates: scratch comes from the caller, its size from the matching `_scratch_size` function.
//   Scratch must be 8-byte aligned; 64-byte alignment is a little faster. No other pointer needs alignment
//   beyond that of its element type, unless a function says so.
#ifndef HSI_CKERNELS_H
#define HSI_CKERNELS_H

#include "hsi_bilinear.h"
#include "hsi_bm3d.h"
#include "hsi_patches.h"
#include "hsi_continuum.h"
#include "hsi_convert.h"
#include "hsi_convolution.h"
#include "hsi_features.h"
#include "hsi_entropic.h"
#include "hsi_exact.h"
#include "hsi_levels.h"
#include "hsi_memory.h"
#include "hsi_mesma.h"
#include "hsi_nmf.h"
#include "hsi_nn_angle.h"
#include "hsi_nn_attention.h"
#include "hsi_nn_band_block.h"
#include "hsi_nn_channels.h"
#include "hsi_nn_depthwise.h"
#include "hsi_nn_elementwise.h"
#include "hsi_nn_ffn.h"
#include "hsi_nn_gate.h"
#include "hsi_nn_linear.h"
#include "hsi_nn_mixing.h"
#include "hsi_nn_norm.h"
#include "hsi_nn_pruning.h"
#include "hsi_nn_resample.h"
#include "hsi_nn_rows.h"
#include "hsi_nn_subspace.h"
#include "hsi_planes.h"
#include "hsi_pool.h"
#include "hsi_predictor.h"
#include "hsi_products.h"
#include "hsi_reorder.h"
#include "hsi_scores.h"
#include "hsi_spectra.h"
#include "hsi_sigma.h"
#include "hsi_sunsal.h"
#include "hsi_wavelet.h"

#endif
