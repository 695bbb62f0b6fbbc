extension RestorationBody {
  /// Members of this body, for `hsi schema denoise`.
  public static let schema = ReportSchema(
    name: "denoise", required: ["method", "noise_source", "channels", "pixels"],
    properties: """
      "method": {"$ref": "#/$defs/method"},
      "noise_source": {"enum": ["estimated", "given"]},
      \(ReportSchema.allChannels),
      "residual": {"$ref": "#/$defs/residual"},
      "pixels": {"description": "From dark to bright.", "type": "array", "items": {"$ref": "#/$defs/pixel"}},
      "timings": {
        "type": "object", "required": ["reading_s", "denoising_s", "judging_s", "writing_s"],
        "additionalProperties": false,
        "properties": {
          "reading_s": {"$ref": "#/$defs/number"}, "denoising_s": {"$ref": "#/$defs/number"},
          "judging_s": {"$ref": "#/$defs/number"}, "writing_s": {"$ref": "#/$defs/number"}
        }
      }
      """,
    definitions: """
      \(ReportSchema.restorer),
      "channel": {
        "type": "object", "required": ["band", "processed"], "additionalProperties": false,
        "properties": {
      \(ReportSchema.channelPlace),
          "processed": {"type": "boolean"},
          "noise_before": {"description": "Standard deviation.", "$ref": "#/$defs/number"},
          "noise_after": {"description": "sqrt(max(0, before^2 - removed^2)).", "$ref": "#/$defs/number"},
          "removed_rms": {"$ref": "#/$defs/number"},
          "spatial_correlation": {"description": "Lag 1, of what was removed.", "$ref": "#/$defs/number"},
          "spectral_correlation": {"description": "With the next channel.", "$ref": "#/$defs/number"}
        }
      },
      "residual": {
        "type": "object", "required": ["rms", "share", "correlation_error"], "additionalProperties": false,
        "properties": {
          "rms": {"$ref": "#/$defs/number"}, "share": {"$ref": "#/$defs/number"},
          "spatial_correlation": {"$ref": "#/$defs/number"},
          "spectral_correlation": {"$ref": "#/$defs/number"},
          "correlation_error": {"$ref": "#/$defs/number"}
        }
      },
      "pixel": {
        "description": "Line and sample are 0-based, in the file.",
        "type": "object", "required": ["line", "sample", "brightness", "before", "after"],
        "additionalProperties": false,
        "properties": {
          "line": {"$ref": "#/$defs/count"}, "sample": {"$ref": "#/$defs/count"},
      \(ReportSchema.mapPosition),
          "brightness": {"type": "number", "minimum": 0, "maximum": 1},
          "before": {"description": "One value per channel.", "type": "array",
            "items": {"$ref": "#/$defs/number"}},
          "after": {"type": "array", "items": {"$ref": "#/$defs/number"}}
        }
      }
      """)
}
