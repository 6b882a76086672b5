# Not an attack: the dataset that was granted is there, and it is this one.
import carrel_job

assert open(carrel_job.data + "/df/rows").read() == "the granted dataset"
print("read it")
