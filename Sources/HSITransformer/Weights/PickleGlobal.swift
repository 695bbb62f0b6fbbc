/// The names that a pickle may ask for: tensors, containers, and inert markers of types. All others are refused.
enum PickleGlobal: Equatable {
  /// `_rebuild_tensor` and its versions 2 and 3: a view of a storage.
  case tensor(version: Int)
  /// A trainable tensor around another, possibly with attributes, which are dropped.
  case parameter
  /// The kind of a storage: numbers of one type, or bytes.
  case storage(name: String, type: ScalarType?, isUntyped: Bool)
  /// A type of numbers.
  case dtype(name: String, type: ScalarType?)
  /// Dictionaries with additional behaviour in Python, which is not kept.
  case dictionary
  case set
  /// `torch.Size`: a tuple.
  case size
  /// `torch.device`: its name.
  case device
  /// A built-in type that a default dictionary names.
  case builtin
  case numpyScalar
  case numpyDtype
  /// How protocol 2 spells bytes: text whose characters are the bytes.
  case latin1

  /// The global of a name, nil when it is not one of these.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("torch._utils", "_rebuild_tensor"): self = .tensor(version: 1)
    case ("torch._utils", "_rebuild_tensor_v2"): self = .tensor(version: 2)
    case ("torch._utils", "_rebuild_tensor_v3"): self = .tensor(version: 3)
    case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"):
      self = .parameter
    case ("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter"):
      self = .dictionary
    case ("builtins", "set"), ("__builtin__", "set"), ("builtins", "frozenset"), ("__builtin__", "frozenset"):
      self = .set
    case ("builtins", "dict"), ("__builtin__", "dict"), ("builtins", "list"), ("__builtin__", "list"),
      ("builtins", "int"), ("__builtin__", "int"), ("builtins", "float"), ("__builtin__", "float"):
      self = .builtin
    case ("torch", "Size"): self = .size
    case ("torch", "device"): self = .device
    case ("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage"), ("torch", "UntypedStorage"):
      self = .storage(name: name, type: nil, isUntyped: true)
    case ("torch", _), ("torch.cuda", _):
      if let type = PickleGlobal.storages[name] {
        self = .storage(name: name, type: type, isUntyped: false)
      } else if module == "torch", let type = PickleGlobal.dtypes[name] {
        self = .dtype(name: name, type: type)
      } else {
        return nil
      }
    case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): self = .numpyScalar
    case ("numpy", "dtype"): self = .numpyDtype
    case ("_codecs", "encode"): self = .latin1
    default: return nil
    }
  }

  private static let storages: [String: ScalarType?] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
    "BFloat16Storage": .bfloat16,
    "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
    "ByteStorage": .uint8, "BoolStorage": .bool, "ComplexFloatStorage": .none, "ComplexDoubleStorage": .none,
    "QInt8Storage": .none, "QUInt8Storage": .none, "QInt32Storage": .none, "QUInt4x2Storage": .none,
    "QUInt2x4Storage": .none,
  ]

  private static let dtypes: [String: ScalarType?] = [
    "float64": .float64, "double": .float64, "float32": .float32, "float": .float32, "float16": .float16,
    "half": .float16, "bfloat16": .bfloat16, "int64": .int64, "long": .int64, "int32": .int32, "int": .int32,
    "int16": .int16, "short": .int16, "int8": .int8, "uint64": .uint64, "uint32": .uint32, "uint16": .uint16,
    "uint8": .uint8, "bool": .bool, "complex32": .none, "complex64": .none, "complex128": .none,
    "float8_e4m3fn": .none, "float8_e5m2": .none, "float8_e4m3fnuz": .none, "float8_e5m2fnuz": .none,
    "qint8": .none, "quint8": .none, "qint32": .none,
  ]
}
