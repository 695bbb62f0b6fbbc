import Foundation
import HSIKit
import Testing

/// The method that a task takes where none is named is the one that the table of the documentation says wins.
@Suite struct RestoreDefaultsTests {
  private struct Record: Decodable {
    var task, heading, strength, scene, method: String
    var mpsnr: Double
  }

  private static let tasks: [RestorationTask] = [.deblur, .superres, .inpaint, .bands, .dehaze, .poisson]

  /// Mean MPSNR by method: over seeds first, so that every scene and strength counts the same.
  private func means(_ task: RestorationTask) throws -> [String: Double] {
    let file = Tool.package.appendingPathComponent("docs/accuracy-restore.json")
    let records = try JSONDecoder().decode([Record].self, from: Data(contentsOf: file))
    var cells: [String: [String: [Double]]] = [:]
    for record in records where record.task == task.rawValue && record.method != "degraded" {
      cells[record.method, default: [:]]["\(record.heading) \(record.strength) \(record.scene)", default: []]
        .append(record.mpsnr)
    }
    return cells.mapValues { cells in
      cells.values.reduce(0) { $0 + $1.reduce(0, +) / Double($1.count) } / Double(cells.count)
    }
  }

  @Test(arguments: tasks) func winnerOfTheTable(_ task: RestorationTask) throws {
    let means = try means(task)
    let method = try #require(task.method)
    let own = try #require(means[method], "\(method) is not in the table")
    for (name, mean) in means where (try? Restorers.all.entry(name).models.isEmpty) ?? false {
      #expect(own >= mean - 0.005, "\(task.rawValue): \(name) reaches \(mean), the default \(method) \(own)")
    }
  }

  /// A new method has to be measured before it can stand beside the others.
  @Test(arguments: tasks) func everyMethodIsMeasured(_ task: RestorationTask) throws {
    let means = try means(task)
    let kind = try Restorers.all.entry(try #require(task.method)).description.task
    for entry in Restorers.for(kind).entries where entry.models.isEmpty {
      #expect(means[entry.description.id] != nil, "\(task.rawValue): \(entry.description.id)")
    }
  }
}
