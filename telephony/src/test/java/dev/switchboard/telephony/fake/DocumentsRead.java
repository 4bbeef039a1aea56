package dev.switchboard.telephony.fake;

import java.util.List;

/** For tests of other packages: documents, read as the provider reads them. */
public final class DocumentsRead {
    private DocumentsRead() {}

    /** The first verb and its nouns, as {@code Dial(Client, Client)}. @throws IllegalArgumentException where it is none */
    public static String shape(String document) {
        return Twiml.parse(document).stream()
                .map(verb -> verb.name()
                        + (verb.nouns().isEmpty()
                                ? ""
                                : "("
                                        + String.join(
                                                ", ",
                                                verb.nouns().stream()
                                                        .map(Twiml.Verb::name)
                                                        .toList())
                                        + ")"))
                .reduce((one, other) -> one + " " + other)
                .orElse("");
    }

    /** The attributes of the first noun of the first verb. */
    public static String noun(String document, String attribute) {
        return Twiml.parse(document)
                .getFirst()
                .nouns()
                .getFirst()
                .attribute(attribute)
                .orElse("-");
    }

    /** Who is dialled. */
    public static List<String> dialled(String document) {
        return Twiml.parse(document).getFirst().nouns().stream()
                .map(noun -> noun.text().isEmpty() ? noun.nouns().getFirst().text() : noun.text())
                .toList();
    }
}
