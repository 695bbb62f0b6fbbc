import CHDF5
import Foundation

/// A small HDF5 file that a test makes: arrays of doubles, 16-bit integers or bytes, attributes of numbers and texts.
final class HDF5Scratch {
  private let file: hid_t

  init(_ path: String) {
    H5open()
    file = H5Fcreate(path, 2, 0, 0)
  }

  /// Completes the file; a name is written once, because a reader may still hold the file before.
  func close() {
    H5Fflush(file, H5F_SCOPE_GLOBAL)
    H5Fclose(file)
  }

  func group(_ name: String) { H5Gclose(H5Gcreate2(file, name, 0, 0, 0)) }

  /// An array, stored as `type`.
  func array(_ name: String, _ dimensions: [Int], _ values: [Double], type: hid_t = hsi_h5_float()) {
    let space = H5Screate_simple(Int32(dimensions.count), dimensions.map { hsize_t($0) }, nil)
    let set = H5Dcreate2(file, name, type, space, 0, 0, 0)
    H5Dwrite(set, hsi_h5_double(), 0, 0, 0, values)
    H5Dclose(set)
    H5Sclose(space)
  }

  /// An array of bytes in compressed chunks, with a number at both ends.
  func chunked(_ name: String, _ dimensions: [Int], chunk: [Int]) {
    let space = H5Screate_simple(Int32(dimensions.count), dimensions.map { hsize_t($0) }, nil)
    let properties = H5Pcreate(hsi_h5_dataset_create())
    H5Pset_chunk(properties, Int32(chunk.count), chunk.map { hsize_t($0) })
    H5Pset_deflate(properties, 1)
    let set = H5Dcreate2(file, name, hsi_h5_uint8(), space, 0, properties, 0)
    let one = H5Screate_simple(1, [1], nil)
    for place in [dimensions.map { _ in hsize_t(0) }, dimensions.map { hsize_t($0 - 1) }] {
      H5Sselect_elements(space, H5S_SELECT_SET, 1, place)
      H5Dwrite(set, hsi_h5_uint8(), one, space, 0, [UInt8(7)])
    }
    H5Sclose(one)
    H5Dclose(set)
    H5Pclose(properties)
    H5Sclose(space)
  }

  /// Another name of an object, or a soft link to a path.
  func link(_ path: String, _ name: String, isSoft: Bool = false) {
    if isSoft { H5Lcreate_soft(path, file, name, 0, 0) } else { H5Lcreate_hard(file, path, file, name, 0, 0) }
  }

  func attribute(_ name: String, of path: String, _ values: [Double]) {
    let space = H5Screate_simple(1, [hsize_t(values.count)], nil)
    let attribute = H5Acreate_by_name(file, path, name, hsi_h5_double(), space, 0, 0, 0)
    H5Awrite(attribute, hsi_h5_double(), values)
    H5Aclose(attribute)
    H5Sclose(space)
  }

  func attribute(_ name: String, of path: String, text: String) {
    let type = H5Tcopy(hsi_h5_c_string())
    H5Tset_size(type, text.utf8.count)
    let space = H5Screate_simple(1, [1], nil)
    let attribute = H5Acreate_by_name(file, path, name, type, space, 0, 0, 0)
    H5Awrite(attribute, type, Array(text.utf8))
    H5Aclose(attribute)
    H5Sclose(space)
    H5Tclose(type)
  }
}
