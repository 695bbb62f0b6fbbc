#pragma once
#include <hdf5.h>

// Identifiers that HDF5 offers as macros over global variables, which Swift does not import.
static inline hid_t hsi_h5_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t hsi_h5_int8(void) { return H5T_NATIVE_INT8; }
static inline hid_t hsi_h5_uint16(void) { return H5T_NATIVE_UINT16; }
static inline hid_t hsi_h5_int16(void) { return H5T_NATIVE_INT16; }
static inline hid_t hsi_h5_uint32(void) { return H5T_NATIVE_UINT32; }
static inline hid_t hsi_h5_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t hsi_h5_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t hsi_h5_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t hsi_h5_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t hsi_h5_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t hsi_h5_c_string(void) { return H5T_C_S1; }
static inline hid_t hsi_h5_reference(void) { return H5T_STD_REF_OBJ; }
static inline hid_t hsi_h5_dataset_access(void) { return H5P_DATASET_ACCESS; }
static inline hid_t hsi_h5_dataset_create(void) { return H5P_DATASET_CREATE; }
