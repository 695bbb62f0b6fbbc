/// The order of the steps of a job in stages: what joins the outputs of all items begins when all of them are there.
///
/// Steps of an item that follow each other are of one stage; a step with `over` is of the next, and what reads its output again of the
/// next. A job without such steps has one stage.
struct Stages {
  /// Stage of every step, from 0.
  let of: [String: Int]
  /// Number of stages.
  let count: Int

  /// The stages of steps that are in order.
  init(_ steps: [BatchJob.Step]) {
    let ids = Set(steps.map(\.id))
    var stages: [String: Int] = [:]
    var joins: Set<String> = []
    for step in steps {
      var stage = 0
      for id in step.dependencies(ids) {
        let before = stages[id] ?? 0
        stage = max(stage, step.over != nil || joins.contains(id) ? before + 1 : before)
      }
      stages[step.id] = stage
      if step.over != nil { joins.insert(step.id) }
    }
    of = stages
    count = (stages.values.max() ?? 0) + 1
  }
}
