import carrel_job

carrel_job.save("much", "x" * (32 * 2**20))
