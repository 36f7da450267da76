import java.io.FileReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A system's Kafka mailbox, each event once in a database: java Mailbox mailbox.properties.
 *
 * The file holds what {@code GET /v1/subscriptions/{id}} shows under {@code kafka.settings.java},
 * with the path of your key, and two lines more: topic, and database (a JDBC address, with a table
 * events (ce_id text primary key, value text)). Jars: jgo.toml.
 */
public class Mailbox {
    private static final String ALLOWED = "org.apache.kafka.sasl.oauthbearer.allowed.";

    public static void main(String[] given) throws Exception {
        Properties settings = new Properties();
        try (FileReader file = new FileReader(given[0])) {
            settings.load(file);
        }
        // Since Kafka 4 the client asks no address and reads no key that is not named here.
        System.setProperty(
            ALLOWED + "urls", settings.getProperty("sasl.oauthbearer.token.endpoint.url"));
        System.setProperty(
            ALLOWED + "files",
            settings.getProperty("sasl.oauthbearer.assertion.private.key.file"));
        StringDeserializer text = new StringDeserializer();
        String topic = (String) settings.remove("topic");
        try (Connection database = DriverManager.getConnection((String) settings.remove("database"));
                KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
            database.setAutoCommit(false);
            consumer.subscribe(List.of(topic));
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    store(database, record);
                }
                database.commit();
                consumer.commitSync(); // Only now: after a death records come again, none is lost.
            }
        }
    }

    /** Insert an event; one that comes again changes nothing: its ce_id is the primary key. */
    private static void store(Connection database, ConsumerRecord<String, String> record)
            throws Exception {
        String insert = "insert into events (ce_id, value) values (?, ?) on conflict do nothing";
        try (PreparedStatement statement = database.prepareStatement(insert)) {
            statement.setString(1, new String(record.headers().lastHeader("ce_id").value()));
            statement.setString(2, record.value());
            statement.executeUpdate();
        }
    }
}
