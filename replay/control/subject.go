package control

// ServiceName is how the service is found.
const ServiceName = "rosey-projector"

// The endpoints, by the ends of their subjects.
const (
	start  = "start"
	cancel = "cancel"
	work   = "work"
)

const prefix = "rosey.projector."

// subject is where the process with this key is asked.
func subject(key, name string) string { return prefix + key + "." + name }
