import HSICore

/// Errors of networks and their weight files.
public enum TransformerError: HSIError {
  /// No file of this name.
  case notFound(path: String)
  /// The system cannot read the file.
  case unreadable(path: String, reason: String)
  /// The file is neither safetensors nor a PyTorch checkpoint.
  case notAWeightFile(path: String)
  /// The file ends before its own account of itself does; both in bytes.
  case truncated(path: String, expected: Int, found: Int)
  /// The header of a safetensors file contradicts itself or the file.
  case badHeader(path: String, detail: String)
  /// A PyTorch checkpoint that contradicts itself or is damaged.
  case badCheckpoint(path: String, detail: String)
  /// A checkpoint names a Python function or class that is neither a tensor nor a container.
  case refusedGlobal(path: String, name: String)
  /// A scalar type that is not read.
  case unsupportedScalar(path: String, tensor: String, type: String)
  /// A file that claims more than any network needs, or than it can hold.
  case tooLarge(path: String, detail: String)
  /// The file holds no tensors.
  case noTensors(path: String)
  /// The file holds no low-rank adapter.
  case noAdapter(path: String)
  /// A tensor has one shape in the file and another in the model.
  case shapeMismatch(path: String, tensor: String, file: [Int], model: [Int])
  /// The model has a tensor that the file lacks; `instead` is the first one of the file that the model does not know.
  case missingTensor(path: String, tensor: String, model: [Int], instead: String?)
  /// A network whose prompts need a table of text embeddings, one row per task, that no file has.
  case missingTextEmbeddings(path: String, tensor: String, tasks: Int)
  /// The file has a tensor that the model does not know.
  case unexpectedTensor(path: String, tensor: String, file: [Int])
  /// Weights that are no numbers.
  case notNumbers(path: String, tensor: String, count: Int)
  /// A training whose loss is no number any more, or that ended without a network that gives anything.
  case diverged(training: String, step: Int)
  /// No network of this name.
  case unknownModel(name: String, known: [String])
  /// A weight file that does not say which network it is for, or says something that cannot be.
  case unknownArchitecture(path: String, task: String, detail: String)
  /// A training state of another run.
  case otherTraining(path: String, saved: String, wanted: String)

  public var category: ErrorCategory {
    if case .unknownModel = self { .usage } else { .model }
  }

  public var identifier: String {
    switch self {
    case .notFound: "E-WEIGHTS-NOT-FOUND"
    case .unreadable: "E-WEIGHTS-UNREADABLE"
    case .notAWeightFile: "E-WEIGHTS-FORMAT"
    case .truncated: "E-WEIGHTS-SHORT"
    case .badHeader: "E-WEIGHTS-HEADER"
    case .badCheckpoint: "E-WEIGHTS-CHECKPOINT"
    case .refusedGlobal: "E-WEIGHTS-REFUSED"
    case .unsupportedScalar: "E-WEIGHTS-TYPE"
    case .tooLarge: "E-WEIGHTS-LIMIT"
    case .noTensors: "E-WEIGHTS-EMPTY"
    case .noAdapter: "E-WEIGHTS-ADAPTER"
    case .shapeMismatch: "E-WEIGHTS-SHAPE"
    case .missingTensor: "E-WEIGHTS-MISSING"
    case .missingTextEmbeddings: "E-WEIGHTS-TEXT"
    case .unexpectedTensor: "E-WEIGHTS-UNEXPECTED"
    case .notNumbers: "E-WEIGHTS-NUMBERS"
    case .diverged: "E-TRAINING-DIVERGED"
    case .unknownModel: "E-MODEL"
    case .unknownArchitecture: "E-ARCHITECTURE"
    case .otherTraining: "E-TRAINING-STATE"
    }
  }

  public var problem: String {
    switch self {
    case .notFound(let path): "\(path) does not exist"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .notAWeightFile(let path): "\(path) is neither a safetensors file nor a PyTorch checkpoint"
    case .truncated(let path, let expected, let found):
      "\(path) has \(found) bytes but needs at least \(expected)"
    case .badHeader(let path, let detail): "\(path) has a damaged header: \(detail)"
    case .badCheckpoint(let path, let detail): "\(path) is a damaged checkpoint: \(detail)"
    case .refusedGlobal(let path, let name):
      "\(path): the checkpoint asks for \(name); hsi reads tensors and containers only"
    case .unsupportedScalar(let path, let tensor, let type):
      "\(path): \(shortened(tensor)) is of type \(type), which is not read"
    case .tooLarge(let path, let detail): "\(path) is refused: \(detail)"
    case .noTensors(let path): "\(path) holds no tensors"
    case .noAdapter(let path): "\(path) holds no adapter (tensors named lora_down and lora_up)"
    case .shapeMismatch(let path, let tensor, let file, let model):
      "\(shortened(tensor)) is \(file) in \(path) but \(model) in the model"
    case .missingTensor(let path, let tensor, let model, let instead):
      "the model has \(shortened(tensor)) \(model), which \(path) lacks"
        + (instead.map { " (the file has \(shortened($0)), which the model lacks)" } ?? "")
    case .missingTextEmbeddings(let path, let tensor, let tasks):
      "\(path) has no \(tensor): the table of text embeddings of the \(tasks) tasks, which published checkpoints lack"
    case .unexpectedTensor(let path, let tensor, let file):
      "\(path) has \(shortened(tensor)) \(file), which the model lacks"
    case .notNumbers(let path, let tensor, let count):
      "\(path): \(count) value\(count == 1 ? "" : "s") of \(shortened(tensor)) \(count == 1 ? "is" : "are") NaN or infinite"
    case .diverged(let training, let step):
      "\(training) diverged: at step \(step) nothing is left of what was to be learned"
    case .unknownModel(let name, let known):
      "there is no model \(name)\(Suggestion.text(for: name, in: known)); known: \(known.joined(separator: ", "))"
    case .unknownArchitecture(let path, let task, let detail): "\(path) is not a \(task) network: \(detail)"
    case .otherTraining(let path, let saved, let wanted):
      "\(path) is the state of another run (\(saved)) than this one (\(wanted))"
    }
  }

  public var advice: String? {
    switch self {
    case .notFound: "check the name"
    case .unreadable: nil
    case .notAWeightFile: "give a .safetensors, .pth or .pt file"
    case .truncated, .badHeader, .badCheckpoint: "copy or download the file again"
    case .refusedGlobal: "save the state_dict alone, or as safetensors, where you trust the file"
    case .unsupportedScalar: "convert the weights to float32 or float16 first"
    case .tooLarge: "check where the file comes from"
    case .noTensors: "give a file of weights"
    case .noAdapter: "give the file of the adapter with \(option: "adapter")"
    case .shapeMismatch, .missingTensor, .unexpectedTensor:
      "choose the model that these weights were trained for (hsi model info lists them)"
    case .missingTextEmbeddings:
      "put the table into the file: hsi model convert with \(option: "prompts") (docs/mp-hsir.md says how to make one)"
    case .notNumbers: "its training diverged, or the file is damaged: train again with a lower rate, or copy it again"
    case .diverged: "lower \(option: "rate"); what was best before is in the file, where something was"
    case .unknownModel: nil
    case .unknownArchitecture: "name the network with \(option: "model")"
    case .otherTraining: "repeat the settings of that run, or start a new one"
    }
  }
}
