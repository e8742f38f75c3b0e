<?xml version="1.0" encoding="UTF-8"?>
<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld" xmlns:ogc="http://www.opengis.net/ogc">
  <NamedLayer>
    <Name>parcels</Name>
    <UserStyle>
      <Name>parcels</Name>
      <FeatureTypeStyle>
        {% for name, words, colour in classes %}
        <Rule>
          <Name>{{ words }}</Name>
          <ogc:Filter>
            <ogc:PropertyIsEqualTo>
              <ogc:PropertyName>class_name</ogc:PropertyName>
              <ogc:Literal>{{ name }}</ogc:Literal>
            </ogc:PropertyIsEqualTo>
          </ogc:Filter>
          <PolygonSymbolizer>
            <Fill>
              <CssParameter name="fill">{{ web(colour) }}</CssParameter>
              <CssParameter name="fill-opacity">{{ opacity }}</CssParameter>
            </Fill>
            <Stroke>
              <CssParameter name="stroke">{{ web(outline) }}</CssParameter>
              <CssParameter name="stroke-width">1</CssParameter>
            </Stroke>
          </PolygonSymbolizer>
        </Rule>
        {% endfor %}
        <Rule>
          <Name>area</Name>
          <MaxScaleDenominator>{{ labels_from }}</MaxScaleDenominator>
          <TextSymbolizer>
            <Label>
              <ogc:PropertyName>{{ area }}</ogc:PropertyName>
            </Label>
          </TextSymbolizer>
        </Rule>
      </FeatureTypeStyle>
    </UserStyle>
  </NamedLayer>
</StyledLayerDescriptor>
