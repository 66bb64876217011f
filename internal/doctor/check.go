package doctor

// State is what a check came to.
type State string

// The states of a check, and of a report as a whole.
const (
	OK      State = "ok"
	Wrong   State = "wrong"
	Unknown State = "unknown" // it could not be looked at, or cannot be decided
)

// worse returns the state that matters more.
func (s State) worse(o State) State {
	if s == Wrong || o == Wrong {
		return Wrong
	}
	if s == Unknown || o == Unknown {
		return Unknown
	}
	return OK
}

// Check is one thing that was looked at.
type Check struct {
	// Name is stable: a machine may rely on it.
	Name string `json:"name"`
	// Guarantee is the one that is at stake.
	Guarantee string `json:"guarantee"`
	State     State  `json:"state"`
	// Detail says in a sentence what was found.
	Detail string `json:"detail"`
	// Remedy is the next step where something is wrong.
	Remedy string `json:"remedy,omitempty"`
}

// Names of the checks.
const (
	ServerReachable = "server.reachable"
	ServerVersion   = "server.version"
	ServerJetStream = "server.jetstream"
	ServerSync      = "server.sync"
	ServerAwaited   = "server.awaited"

	StreamUsable     = "stream.usable"
	StreamDefinition = "stream.definition"
	StreamEvents     = "stream.events"
	StreamServices   = "stream.services"
	StreamSize       = "stream.size"
	StreamWhole      = "stream.whole"
	StreamErased     = "stream.erased"
	StreamRestored   = "stream.restored"

	ProducersStream     = "producers.stream"
	ProducersTables     = "producers.tables"
	ProducersAgreement  = "producers.agreement"
	ProducersUnnumbered = "producers.unnumbered"
	FramesUnreadable    = "frames.unreadable"

	TablesPresent   = "tables.present"
	TablesProgram   = "tables.program"
	TablesStream    = "tables.stream"
	TablesIntegrity = "tables.integrity"
	TablesAgreement = "tables.agreement"
	TablesSearch    = "tables.search"
	TablesSample    = "tables.sample"
	TablesLag       = "tables.lag"
	ProjectorAlive  = "projector.alive"
	DeadLetters     = "dead_letters"

	SpoolReadable = "spool.readable"
	SpoolWaiting  = "spool.waiting"
	SpoolFull     = "spool.full"
	SpoolSetAside = "spool.set_aside"
	SpoolDamaged  = "spool.damaged"

	OutboundQueue    = "outbound.queue"
	OutboundWaiting  = "outbound.waiting"
	OutboundSending  = "outbound.sending"
	OutboundOutcomes = "outbound.outcomes"
	ServiceOutbound  = "service.outbound"
	ServiceQuery     = "service.query"

	DiskFree     = "disk.free"
	FilesPrivate = "files.private"
)

// catalogue lists the checks in the order of a report, each with its guarantee.
var catalogue = []struct{ name, guarantee string }{
	{ServerReachable, "G1"}, {ServerVersion, "G6"}, {ServerJetStream, "G6"}, {ServerSync, "G1"}, {ServerAwaited, "G1"},
	{StreamUsable, "G6"}, {StreamDefinition, "G6"}, {StreamEvents, "G1"}, {StreamServices, "G6"}, {StreamSize, "G1"}, {StreamWhole, "G1"}, {StreamErased, "G8"}, {StreamRestored, "G1"},
	{ProducersStream, "G3"}, {ProducersTables, "G3"}, {ProducersAgreement, "G4"}, {ProducersUnnumbered, "G3"}, {FramesUnreadable, "G3"},
	{TablesPresent, "G8"}, {TablesProgram, "G4"}, {TablesStream, "G6"}, {TablesIntegrity, "G4"}, {TablesAgreement, "G4"}, {TablesSearch, "G4"}, {TablesSample, "G4"}, {TablesLag, "G5"},
	{ProjectorAlive, "G5"}, {DeadLetters, "G7"},
	{SpoolReadable, "G1"}, {SpoolWaiting, "G1"}, {SpoolFull, "G1"}, {SpoolSetAside, "G1"}, {SpoolDamaged, "G3"},
	{OutboundQueue, "G9"}, {OutboundWaiting, "G9"}, {OutboundSending, "G9"}, {OutboundOutcomes, "G9"}, {ServiceOutbound, "G9"}, {ServiceQuery, "G10"},
	{DiskFree, "G1"}, {FilesPrivate, "G10"},
}

// Names lists all checks that a report may hold, in its order.
func Names() []string {
	list := make([]string, len(catalogue))
	for i, c := range catalogue {
		list[i] = c.name
	}
	return list
}
