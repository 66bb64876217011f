package mutants

const streamTests = "./streams"

// streamMutants store wrongly, or believe what is not so.
var streamMutants = []Mutant{
	{
		Name: "an event goes without its id", File: "streams/append.go", Package: streamTests,
		Old: "		h.Set(jetstream.MsgIDHeader, m.MsgID)\n", New: "		_ = h\n",
	},
	{
		Name: "no answer counts as not stored", File: "streams/append.go", Package: streamTests,
		Old: "		return fmt.Errorf(\"%w: %w\", ErrUncertain, err)\n	}\n	switch api.ErrorCode {",
		New: "		return fmt.Errorf(\"%w: %w\", ErrUnavailable, err)\n	}\n	switch api.ErrorCode {",
	},
	{
		Name: "at the limit history is deleted", File: "streams/topology.go", Package: streamTests,
		Old: "jetstream.DiscardNew,", New: "jetstream.DiscardOld,",
	},
	{
		Name: "copies on several servers are compressed", File: "streams/topology.go", Package: streamTests,
		Old: "	if replicas > 1 {\n		return jetstream.NoCompression", New: "	if replicas > 9 {\n		return jetstream.NoCompression",
	},
	{
		Name: "each message is acknowledged by itself", File: "streams/consumer.go", Package: streamTests,
		Old: "jetstream.AckAllPolicy", New: "jetstream.AckExplicitPolicy",
	},
	{
		Name: "a search ends before the stream does", File: "streams/find.go", Package: streamTests,
		Old: "From: after + 1,", New: "From: after + 2,",
	},
	{
		Name: "what follows a lost connection is taken for the next", File: "streams/pull.go", Package: streamTests,
		Old: "	case <-p.lost:\n		// nats.go", New: "	case <-make(chan struct{}):\n		// nats.go",
	},
	{
		Name: "the embedded server acknowledges before it syncs", File: "streams/embedded/server.go", Package: "./streams/embedded",
		Old: "             *cfg.SyncAlways,", New: " false && *cfg.SyncAlways,",
	},
	{
		Name: "a reader believes a replica that lags behind", File: "streams/reader.go", Package: streamTests,
		Old: "	return m.Seq == 0 || m.Seq > r.end || ", New: "	return true || m.Seq > r.end || ",
	},
	{
		Name: "a reader believes where a time begins that the server passes over", File: "streams/reader.go", Package: streamTests,
		Old: "	if cfg.OptStartTime != nil {", New: "	if false {",
	},
	{
		Name: "what the leader does not find counts as erased", File: "streams/leader.go", Package: streamTests, Run: "Unreadable",
		Old: "	return stored{}, &hiddenError{counted}", New: "	return stored{}, nil",
	},
	{
		Name: "a list of keys believes a replica that lags behind", File: "streams/bucket_watch.go", Package: streamTests,
		Old: "	if w.copies < 2 || w.last >= w.there {", New: "	if w.copies < 9 || w.last >= w.there {",
	},
}
