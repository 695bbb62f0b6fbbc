import HSIBatch
import Testing

@Suite("Errors of batch jobs")
struct BatchErrorTests {
  @Test("name the file and where the keys are documented")
  func message() {
    let text = BatchError.badJob(path: "job.yml", detail: "unknown key outptu").description
    #expect(text.contains("job.yml") && text.contains("outptu") && text.contains("batch.md"))
  }
}
