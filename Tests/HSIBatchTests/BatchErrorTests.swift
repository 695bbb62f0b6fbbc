import HSIBatch
import Testing

@Suite("Errors of batch jobs")
struct BatchErrorTests {
  @Test("name the file and where the keys are documented")
  func message() {
    let text = BatchError.badJob(path: "job.yml", line: 3, detail: "unknown key outptu").description
    #expect(
      text.contains("job.yml") && text.contains("line 3") && text.contains("outptu")
        && text.contains("batch.md"))
  }
}
