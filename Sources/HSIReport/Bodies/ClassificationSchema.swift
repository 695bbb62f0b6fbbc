extension ClassificationBody {
  /// Members of this body, for `hsi schema classify`.
  public static let schema = ReportSchema(
    name: "classify",
    required: [
      "labels", "judged", "classes", "confusion", "unclassified",
      "overall", "average", "kappa", "mean_f1", "runs", "channels", "curve",
    ],
    properties: """
      "labels": {"type": "string"},
      "scene": {"$ref": "#/$defs/scene"},
      \(ReportSchema.model),
      "split": {
        "type": "object",
        "required": ["path", "scheme", "training", "validation", "guard_radius", "seed", "pixels"],
        "additionalProperties": false,
        "properties": {
          "path": {"type": "string"}, "scheme": {"enum": ["disjoint", "random", "fixed", "file"]},
          "training": {"type": "string"}, "validation": {"type": "string"},
          "guard_radius": {"$ref": "#/$defs/count"}, "seed": {"$ref": "#/$defs/count"},
          "patch_radius": {"$ref": "#/$defs/count"},
          "overlapping": {"description": "Test pixels with training pixels in their patch.", "$ref": "#/$defs/count"},
          "pixels": {"type": "object", "additionalProperties": {"$ref": "#/$defs/count"}}
        }
      },
      "judged": {"enum": ["test pixels", "labelled pixels"]},
      "classes": {"description": "In the order of the confusion matrix.", "type": "array",
        "items": {"$ref": "#/$defs/class"}},
      "confusion": {"description": "Rows: truth; columns: map.", "type": "array",
        "items": {"type": "array", "items": {"$ref": "#/$defs/count"}}},
      "unclassified": {"description": "Judged pixels of each class without a class in the map.", "type": "array",
        "items": {"$ref": "#/$defs/count"}},
      "overall": {"$ref": "#/$defs/number"}, "average": {"$ref": "#/$defs/number"},
      "kappa": {"$ref": "#/$defs/number"}, "mean_f1": {"$ref": "#/$defs/number"},
      "overall_interval": {"description": "95 %, for independent pixels.", "type": "array",
        "items": {"$ref": "#/$defs/number"}},
      "runs": {
        "type": "array",
        "items": {
          "type": "object", "required": ["map", "overall", "average", "kappa", "mean_f1"],
          "additionalProperties": false,
          "properties": {
            "map": {"type": "string"}, "split": {"type": "string"}, "overall": {"$ref": "#/$defs/number"},
            "average": {"$ref": "#/$defs/number"}, "kappa": {"$ref": "#/$defs/number"},
            "mean_f1": {"$ref": "#/$defs/number"}
          }
        }
      },
      "spread": {
        "type": "object",
        "additionalProperties": {
          "type": "object", "required": ["mean", "deviation"], "additionalProperties": false,
          "properties": {"mean": {"$ref": "#/$defs/number"}, "deviation": {"$ref": "#/$defs/number"}}
        }
      },
      "reliability": {
        "description": "Judged pixels by the probability of their class in the map.",
        "type": "object", "required": ["path", "expected_calibration_error", "bins"], "additionalProperties": false,
        "properties": {
          "path": {"type": "string"},
          "expected_calibration_error": {"description": "A share.", "$ref": "#/$defs/number"},
          "bins": {
            "type": "array",
            "items": {
              "type": "object", "required": ["from", "to", "count"], "additionalProperties": false,
              "properties": {
                "from": {"$ref": "#/$defs/number"}, "to": {"$ref": "#/$defs/number"},
                "count": {"$ref": "#/$defs/count"}, "confidence": {"$ref": "#/$defs/number"},
                "accuracy": {"$ref": "#/$defs/number"}
              }
            }
          }
        }
      },
      "channels": {
        "type": "array",
        "items": {
          "type": "object", "required": ["band", "used"], "additionalProperties": false,
          "properties": {
            "band": {"type": "integer", "minimum": 1}, "wavelength_nm": {"$ref": "#/$defs/number"},
            "used": {"type": "boolean"}
          }
        }
      },
      "curve": {
        "type": "array",
        "items": {
          "type": "object", "required": ["epoch", "loss", "rate"], "additionalProperties": false,
          "properties": {
            "epoch": {"$ref": "#/$defs/count"}, "loss": {"$ref": "#/$defs/number"},
            "validation_accuracy": {"$ref": "#/$defs/number"}, "rate": {"$ref": "#/$defs/number"}
          }
        }
      }
      """,
    definitions: """
      "class": {
        "type": "object",
        "required": ["value", "name", "colour", "labelled", "training", "test", "guard_band", "mapped"],
        "additionalProperties": false,
        "properties": {
          "value": {"type": "integer", "minimum": 1, "maximum": 65535}, "name": {"type": "string"},
          "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"}, "labelled": {"$ref": "#/$defs/count"},
          "training": {"$ref": "#/$defs/count"}, "test": {"$ref": "#/$defs/count"},
          "guard_band": {"$ref": "#/$defs/count"}, "mapped": {"$ref": "#/$defs/count"},
          "precision": {"$ref": "#/$defs/number"}, "recall": {"$ref": "#/$defs/number"},
          "f1": {"$ref": "#/$defs/number"},
          "area": {"description": "Share of the map, corrected by the confusions.", "$ref": "#/$defs/number"},
          "area_error": {"description": "Its standard error.", "$ref": "#/$defs/number"},
          "mean": {"description": "Per channel, of its labelled pixels.", "type": "array",
            "items": {"$ref": "#/$defs/number"}},
          "deviation": {"type": "array", "items": {"$ref": "#/$defs/number"}}
        }
      }
      """)
}
