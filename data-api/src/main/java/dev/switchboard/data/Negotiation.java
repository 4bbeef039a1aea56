package dev.switchboard.data;

import dev.switchboard.data.Catalog.MediaHandler;
import dev.switchboard.data.Catalog.Result;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.engine.model.TableName;
import java.util.List;
import java.util.Optional;

/** Which of the media types that a client accepts a resource has: the first of them. Pure. */
final class Negotiation {
    private final Catalog catalog;
    private final boolean plans;

    /** @param plans whether clients may ask for plans */
    Negotiation(Catalog catalog, boolean plans) {
        this.catalog = catalog;
        this.plans = plans;
    }

    /** For the description of a schema. */
    MediaType ofRoot(List<MediaType> accepted) {
        return accepted.stream()
                .filter(type -> type instanceof MediaType.OpenApi
                        || type instanceof MediaType.Any
                        || type instanceof MediaType.Json)
                .map(type -> type instanceof MediaType.OpenApi ? type : new MediaType.OpenApi(false))
                .findFirst()
                .orElseThrow(() -> none(accepted));
    }

    /**
     * For rows.
     *
     * @param whole whether they have all columns and nothing else: what an aggregate of the table takes
     */
    MediaType ofTable(Table table, boolean whole, List<MediaType> accepted) {
        Optional<TableName> rows = Optional.of(table.name()).filter(_ -> whole);
        return accepted.stream()
                .flatMap(type -> ofRows(type, rows).stream())
                .findFirst()
                .orElseThrow(() -> none(accepted));
    }

    /** For what a function gives; its own media type, where its result is one, comes before JSON if all are accepted. */
    MediaType ofResult(Result result, boolean whole, List<MediaType> accepted) {
        Optional<TableName> rows = result.table().filter(_ -> whole);
        return accepted.stream()
                .flatMap(type -> result
                        .mediaType()
                        .<MediaType>map(own -> own)
                        .filter(own ->
                                type instanceof MediaType.Any || own.name().equals(type.name()))
                        .or(() -> type instanceof MediaType.Raw && !result.composite()
                                ? Optional.of(type)
                                : ofRows(type, rows))
                        .stream())
                .findFirst()
                .orElseThrow(() -> none(accepted));
    }

    private Optional<MediaType> ofRows(MediaType type, Optional<TableName> table) {
        Optional<MediaHandler> handler = catalog.handlers().stream()
                .filter(candidate -> candidate.mediaType().equals(type.name())
                        && (candidate.rows().isEmpty() || candidate.rows().equals(table)))
                .max(java.util.Comparator.comparing(
                        candidate -> candidate.rows().isPresent()));
        if (handler.isPresent()) {
            return handler.map(found -> new MediaType.Handled(
                    found.mediaType(),
                    found.binary(),
                    Optional.of(found.aggregate()),
                    found.rows().isPresent()));
        }
        return switch (type) {
            case MediaType.Any _ -> Optional.of(MediaType.array());
            case MediaType.Json _, MediaType.Csv _, MediaType.GeoJson _ -> Optional.of(type);
            case MediaType.Plan _ -> Optional.of(type).filter(_ -> plans);
            case MediaType.OpenApi _, MediaType.Raw _, MediaType.Other _, MediaType.Handled _ -> Optional.empty();
        };
    }

    private DataException none(List<MediaType> accepted) {
        boolean plan = !plans && accepted.stream().anyMatch(MediaType.Plan.class::isInstance);
        return new DataException(
                DataError.MEDIA_TYPE,
                "None of these media types are available: "
                        + String.join(
                                ", ", accepted.stream().map(MediaType::name).toList()),
                Optional.empty(),
                plan ? Optional.of("Start with --data-plans to allow query plans") : Optional.empty());
    }
}
