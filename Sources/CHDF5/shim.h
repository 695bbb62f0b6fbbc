#pragma once
#include <hdf5.h>
#include <string.h>

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

// File and address of an open object, by which two paths to the same object are told: 16 bytes; -1 where they are not known.
static inline int hsi_h5_identity(hid_t object, unsigned long long identity[2]) {
  identity[0] = identity[1] = 0;
#if H5_VERSION_GE(1, 12, 0)
  H5O_info2_t info;
  if (H5Oget_info3(object, &info, H5O_INFO_BASIC) < 0) return -1;
  memcpy(&identity[1], &info.token, sizeof identity[1]);
#else
  H5O_info_t info;
  if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) return -1;
  identity[1] = info.addr;
#endif
  identity[0] = info.fileno;
  return 0;
}
