import HSIClassification
import HSICore
import HSINumerics
import Testing

@Suite struct ClusteringTests {
  /// Two halves of different spectra with noise, and a hole without data.
  private func halves(_ lines: Int, _ samples: Int) -> Cube {
    var random = CounterRandom(seed: 6)
    var (values, positions): ([Float], [Int32]) = ([], [])
    for line in 0..<lines {
      for sample in 0..<samples where !(5..<9).contains(line) || !(5..<9).contains(sample) {
        positions.append(Int32(line * samples + sample))
        for b in 0..<4 {
          values.append(Float((sample < samples / 2 ? Double(b) : 5 - Double(b)) + 0.1 * random.normal()))
        }
      }
    }
    return Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: 4), metadata: CubeMetadata(bands: 4),
      pixels: PixelMatrix(rows: positions.count, columns: 4, values: values), positions: positions)
  }

  private func run(
    _ id: String, _ cube: Cube, count: Int, _ values: [String: Double] = [:], _ context: RunContext = RunContext()
  ) throws -> (Clustering, [Int32]) {
    let type = try Clusterers.all.entry(id)
    let found = try type.cluster(cube, count: count, MethodParameters(values, for: type.description), context)
    var labels: [Int32] = []
    try cube.forEachStrip(context, label: "") { labels += found.labels(of: $0, samples: cube.shape.samples) }
    return (found, labels)
  }

  @Test func clustersAreTheHalves() throws {
    let cube = halves(30, 40)
    let (found, labels) = try run("kmeans", cube, count: 2)
    #expect(found.counts == [600, 584] && found.converged)
    // The half with the hole is the smaller one.
    #expect((0..<cube.count).allSatisfy { (labels[$0] == 1) == (Int(cube.positions[$0]) % 40 < 20) })
  }

  /// Superpixels are connected, of about the size wanted, and none lies on both sides of the edge.
  @Test(arguments: [20, 60]) func superpixelsFollowTheEdge(_ count: Int) throws {
    let cube = halves(30, 40)
    let (found, labels) = try run("slic", cube, count: count)
    #expect(found.counts.reduce(0, +) == cube.count && labels.allSatisfy { $0 >= 0 })
    #expect(found.counts.count > count / 2 && found.counts.count < 2 * count, "\(found.counts.count)")
    #expect(found.counts.allSatisfy { $0 >= cube.count / count / 4 })
    var sides: [Int32: Set<Bool>] = [:]
    var image = [Int32](repeating: -1, count: 1200)
    for n in 0..<cube.count {
      sides[labels[n], default: []].insert(Int(cube.positions[n]) % 40 < 20)
      image[Int(cube.positions[n])] = labels[n]
    }
    #expect(sides.values.allSatisfy { $0.count == 1 })
    for group in 0..<found.counts.count {
      let members = Set((0..<1200).filter { image[$0] == group })
      var seen: Set<Int> = [members.min() ?? 0]
      var stack = Array(seen)
      while let place = stack.popLast() {
        for other in [place - 40, place + 40, place % 40 > 0 ? place - 1 : -1, place % 40 < 39 ? place + 1 : -1]
        where members.contains(other) && seen.insert(other).inserted { stack.append(other) }
      }
      #expect(seen.count == members.count, "group \(group)")
    }
    for threads in [1, 3] {
      let again = try run("slic", cube, count: count, [:], RunContext(threads: threads))
      #expect(again.1 == labels && again.0.means == found.means)
    }
  }

  @Test(arguments: Clusterers.all.descriptions.map(\.id)) func hardScenes(_ id: String) throws {
    let none = Cube(
      shape: CubeShape(lines: 3, samples: 3, bands: 2), metadata: CubeMetadata(bands: 2),
      pixels: PixelMatrix(rows: 0, columns: 2), positions: [])
    #expect(throws: ClassificationError.self) { try run(id, none, count: 3) }
    for (lines, samples) in [(1, 1), (1, 50), (50, 1)] {
      let cube = Cube(lines: lines, samples: samples, pixels: PixelMatrix(rows: lines * samples, columns: 3))
      for count in [1, 7, 1000] {
        let (found, labels) = try run(id, cube, count: count)
        #expect(found.counts.reduce(0, +) == cube.count && labels.count == cube.count, "\(id) \(lines) \(count)")
        #expect(labels.allSatisfy { (0..<Int32(found.counts.count)).contains($0) })
      }
    }
  }
}
