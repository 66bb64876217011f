package embedded

import (
	"crypto/rand"
	"slices"

	"rosey/events"
	"rosey/streams"

	"github.com/nats-io/nats-server/v2/server"
)

// readerUser is who an anonymous client becomes.
const readerUser = "reader"

// users returns the administrator and the reader that anonymous clients get.
func users(password string, protected []string) []*server.User {
	return []*server.User{
		{Username: AdminUser, Password: password},
		// Nobody logs in as the reader by name; the password only has to exist.
		{Username: readerUser, Password: rand.Text(), Permissions: readerPermissions(protected)},
	}
}

// readerPermissions lets a client read the stream, run consumers of its own and
// call the services, but for the one that hands out messages to send. Everything else is denied by not being listed; the denials
// here carve the protected consumers out of the wildcards.
func readerPermissions(protected []string) *server.Permissions {
	const api = "$JS.API."
	const stream = streams.StreamName
	allow := []string{
		api + "INFO",
		api + "STREAM.NAMES",
		api + "STREAM.LIST",
		api + "STREAM.INFO." + stream,
		api + "STREAM.MSG.GET." + stream,
		api + "DIRECT.GET." + stream,
		api + "DIRECT.GET." + stream + ".>",
		api + "CONSUMER.NAMES." + stream,
		api + "CONSUMER.LIST." + stream,
		api + "CONSUMER.INFO." + stream + ".*",
		api + "CONSUMER.CREATE." + stream + ".>",
		api + "CONSUMER.DURABLE.CREATE." + stream + ".*",
		api + "CONSUMER.DELETE." + stream + ".*",
		api + "CONSUMER.RESET." + stream + ".*",
		api + "CONSUMER.MSG.NEXT." + stream + ".*",
		// Acknowledgements have two forms, without and with domain and account.
		"$JS.ACK." + stream + ".>",
		"$JS.ACK.*.*." + stream + ".>",
		"$JS.FC." + stream + ".>",
		"$SRV.>",
	}
	for _, subject := range events.ServiceSubjects() {
		// Whoever is given messages to send has to say what became of them, and that is
		// an event: the reader could only keep them from the bot, and have them sent twice.
		if subject != events.LeaseSubject {
			allow = append(allow, subject)
		}
	}

	var deny []string
	for _, name := range append(slices.Clone(protected), streams.OutboundConsumer) {
		deny = append(deny,
			api+"CONSUMER.CREATE."+stream+"."+name,
			api+"CONSUMER.CREATE."+stream+"."+name+".>",
			api+"CONSUMER.DURABLE.CREATE."+stream+"."+name,
			api+"CONSUMER.DELETE."+stream+"."+name,
			api+"CONSUMER.RESET."+stream+"."+name,
			api+"CONSUMER.MSG.NEXT."+stream+"."+name,
			"$JS.ACK."+stream+"."+name+".>",
			"$JS.ACK.*.*."+stream+"."+name+".>",
			"$JS.FC."+stream+"."+name+".>",
		)
	}

	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: allow, Deny: deny},
		Subscribe: &server.SubjectPermission{
			Allow: []string{"rosey.db.>", "_INBOX.>", "$JS.EVENT.ADVISORY.>"},
			// Whoever joins a service's queue group swallows other callers' requests.
			Deny: slices.Clone(events.ServiceSubjects()),
		},
	}
}
