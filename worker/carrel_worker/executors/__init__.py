"""What carries out each kind of job."""
