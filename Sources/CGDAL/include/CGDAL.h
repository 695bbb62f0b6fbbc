// GDAL's C interface, without linking it: see README.md.
#pragma once

// Debian and Fedora keep the headers in a folder of their own; elsewhere pass -Xcc -I.
#if __has_include(<gdal/gdal.h>)
#include <gdal/cpl_conv.h>
#include <gdal/cpl_error.h>
#include <gdal/cpl_minixml.h>
#include <gdal/cpl_string.h>
#include <gdal/cpl_vsi.h>
#include <gdal/gdal.h>
#include <gdal/gdal_alg.h>
#include <gdal/gdal_utils.h>
#include <gdal/ogr_api.h>
#include <gdal/ogr_srs_api.h>
#else
#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_minixml.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <gdal_utils.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>
#endif

/// Loads GDAL, once per process; returns NULL, or why it cannot be loaded.
const char *hsi_gdal_load(void);

/// Whether GDAL has been loaded.
int hsi_gdal_is_loaded(void);

/// A function of GDAL or of a library that GDAL brings along (ZSTD, libdeflate); NULL where there is none of that name.
void *hsi_gdal_find(const char *name);
